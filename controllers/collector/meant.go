// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"net/http"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
)

// headerFor returns the header of a request to a pod. Over TLS it names the pod that
// the operator means. Otherwise the server at the address could pass the request on to
// another pod, which would take the request for its own. A pod with an unknown UID is
// not asked over TLS.
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
