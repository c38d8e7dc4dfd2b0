// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/received"
	"queueworker.dev/queueworker/console/view"
)

const (
	// patience is how long an agent may take to answer.
	patience = 2 * time.Second
	// atOnce is how many agents are asked at the same time.
	atOnce = 16
)

// ask adds the answers of the agents in running pods to a snapshot. It stops at the first
// refusal, because a caller who may not ask one agent may not ask any.
func (s *Source) ask(ctx context.Context, snapshot *view.Snapshot) {
	if s.Now().Before(s.proxyRefused) {
		snapshot.AgentsRefused = s.refusal
		return
	}
	var running []*view.Pod
	for i := range snapshot.Pods {
		if snapshot.Pods[i].Phase == corev1.PodRunning {
			running = append(running, &snapshot.Pods[i])
		}
	}
	var refused atomic.Bool
	var group sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i, pod := range running {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			if refused.Load() {
				return
			}
			answer, err := s.answer(ctx, pod)
			if apierrors.IsForbidden(err) {
				refused.Store(true)
			}
			pod.Answer, pod.AskedAt = answer, s.Now()
			if err != nil {
				pod.Silence = err.Error()
			}
		})
		if i == 0 {
			group.Wait() // a caller without the right is refused once, not sixteen times
		}
	}
	group.Wait()
	if refused.Load() {
		s.refusal = "you may not `get` `pods/proxy`"
		s.proxyRefused = s.Now().Add(refusalHolds)
		snapshot.AgentsRefused = s.refusal
	}
}

// answer asks the agent of one pod. The agent tells everyone the state of its workers,
// but only the operator their jobs. A pod is not trusted: its answer has a maximum size
// and must come from the pod that was asked.
func (s *Source) answer(ctx context.Context, pod *view.Pod) (*protocol.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stream, err := s.Core.Pods(pod.Namespace).
		ProxyGet("http", pod.Name, strconv.Itoa(protocol.Port), protocol.StatusPath, nil).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = stream.Close() }() // nothing was written
	data, err := io.ReadAll(io.LimitReader(stream, protocol.MaxStatusBytes+1))
	if err != nil {
		return nil, err
	}
	return decode(data, string(pod.UID))
}

// decode reads an agent's status document and cleans it, as the operator does before it
// writes a status.
func decode(data []byte, uid string) (*protocol.Status, error) {
	if len(data) > protocol.MaxStatusBytes {
		return nil, errors.New("the answer is too long")
	}
	if received.Elements(data) > received.MaxElements {
		return nil, fmt.Errorf("the answer has more than %d elements", received.MaxElements)
	}
	status := &protocol.Status{}
	if err := json.Unmarshal(data, status); err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	switch {
	case status.Version < protocol.OldestVersion || status.Version > protocol.Version:
		return nil, fmt.Errorf("the answer has version %d, which this plugin does not know", status.Version)
	case status.PodUID != uid:
		return nil, errors.New("another pod answered")
	}
	if err := received.Status(status); err != nil {
		return nil, fmt.Errorf("the answer %w", err)
	}
	return status, nil
}
