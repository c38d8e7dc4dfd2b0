// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strconv"
	"strings"
)

// SplitWorker splits a worker's name: a pod's name, or POD/NUMBER as the worker table shows a
// process of a pod.
func SplitWorker(worker string) (pod string, slot bool, err error) {
	pod, number, slot := strings.Cut(worker, "/")
	if slot {
		if _, err := strconv.ParseUint(number, 10, 8); err != nil {
			return "", false, Usage("--worker %q is no worker; write the name of a pod, or an id of the worker table such as emails-worker-abc/0", worker)
		}
	}
	return pod, slot, nil
}
