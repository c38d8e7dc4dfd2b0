// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"net/http"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
)

// headerFor returns the header of a request to a pod. By TLS it names the pod that the
// operator means, because what answers at the address may pass the request on to another
// pod, which would take it for its own. A pod whose UID is not known is not asked so.
func headerFor(uid types.UID, secure bool) (http.Header, error) {
	header := http.Header{"Accept": {"application/json"}, "User-Agent": {"queueworker-operator"}}
	if !secure {
		return header, nil
	}
	if uid == "" {
		return nil, refusal("was not asked, because the UID of its pod is not known")
	}
	header.Set(protocol.PodUIDHeader, string(uid))
	return header, nil
}
