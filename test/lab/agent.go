// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
)

// agents asks agents without keep-alive, because pods come and go.
var agents = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// Agent asks the agent of a pod for its status.
func (l *Lab) Agent(pod *corev1.Pod) (*protocol.Status, error) {
	address := net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(protocol.Port))
	request, err := http.NewRequestWithContext(l.Ctx, http.MethodGet, "http://"+address+protocol.StatusPath, nil)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", pod.Name, err)
	}
	response, err := agents.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", pod.Name, err)
	}
	defer func() { _ = response.Body.Close() }() // nothing was written
	status := &protocol.Status{}
	if err := json.NewDecoder(response.Body).Decode(status); err != nil {
		return nil, fmt.Errorf("decode what %s says: %w", pod.Name, err)
	}
	return status, nil
}
