// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package fakes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// Backend simulates the queues of one QueueApp. They are empty until a test sets them,
// and outlive the probes that ask for them.
type Backend struct {
	mu      sync.Mutex
	queues  map[string]protocol.QueueDepth
	reason  protocol.BacklogError
	message string
	asked   int
	failed  []protocol.FailedJob
}

// Backend returns the backend of a QueueApp.
func (k *Kubelet) Backend(namespace, app string) *Backend {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := namespace + "/" + app
	if k.backends[key] == nil {
		k.backends[key] = &Backend{queues: map[string]protocol.QueueDepth{}}
	}
	return k.backends[key]
}

// Set sets what queues hold from now on.
func (b *Backend) Set(queues ...protocol.QueueDepth) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, queue := range queues {
		b.queues[queue.Queue] = queue
	}
}

// Fail makes the backend unreadable for a reason; an empty reason makes it readable again.
func (b *Backend) Fail(reason protocol.BacklogError, message string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reason, b.message = reason, message
}

// Asked returns how often a probe was asked for the backlog.
func (b *Backend) Asked() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked
}

// SetFailed sets the failed jobs from now on.
func (b *Backend) SetFailed(jobs ...protocol.FailedJob) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = jobs
}

func (b *Backend) listFailed(pod string) protocol.FailedList {
	b.mu.Lock()
	defer b.mu.Unlock()
	return protocol.FailedList{
		Version: protocol.Version, PodUID: pod, Reason: b.reason, Message: b.message,
		Jobs: b.failed, Total: new(int64(len(b.failed))),
	}
}

// answer returns a probe's answer.
func (b *Backend) answer(request protocol.BacklogRequest, pod string) protocol.Backlog {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	out := protocol.Backlog{Version: protocol.Version, Probe: "fake", PodUID: pod, Backend: "a fake", Reason: b.reason, Message: b.message}
	if b.reason != "" {
		return out
	}
	for _, name := range request.Queues {
		depth := b.queues[name]
		depth.Queue = name
		out.Queues = append(out.Queues, depth)
	}
	return out
}

// probe simulates the backlog probe of one pod.
type probe struct {
	server *server
	ended  chan struct{}
}

// probeConfig returns the configuration of a probe's pod, or nil if the pod is no probe.
func probeConfig(pod *corev1.Pod) (*protocol.ProbeConfig, error) {
	for _, variable := range workerContainer(pod).Env {
		if variable.Name != protocol.ProbeEnv {
			continue
		}
		config := &protocol.ProbeConfig{}
		if err := json.Unmarshal([]byte(strings.ReplaceAll(variable.Value, "$$", "$")), config); err != nil {
			return nil, fmt.Errorf("read %s: %w", protocol.ProbeEnv, err)
		}
		if config.Driver == "" {
			return nil, errors.New(protocol.ProbeEnv + " names no driver")
		}
		return config, nil
	}
	return nil, nil
}

func startProbe(pod *corev1.Pod, backend *Backend, annotation func(key string) string) (*probe, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+protocol.BacklogPath, func(response http.ResponseWriter, request *http.Request) {
		var question protocol.BacklogRequest
		if err := json.NewDecoder(request.Body).Decode(&question); err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(response).Encode(backend.answer(question, string(pod.UID)))
	})
	mux.HandleFunc("POST "+protocol.FailedPath, func(response http.ResponseWriter, request *http.Request) {
		key, _ := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer ")
		sum := sha256.Sum256([]byte(key))
		if !isSecure(pod) && hex.EncodeToString(sum[:]) != annotation(v1alpha1.AnnotationFailedKey) {
			http.Error(response, "another key", http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(response).Encode(backend.listFailed(string(pod.UID)))
	})
	server, err := serve(pod, http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if isSecure(pod) && !knownOperator(request, annotation(v1alpha1.AnnotationOperator), string(pod.UID)) {
			http.Error(response, "another key", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(response, request)
	}))
	if err != nil {
		return nil, err
	}
	p := &probe{server: server, ended: make(chan struct{})}
	close(p.ended) // a probe has nothing to finish
	return p, nil
}

// IP returns the pod's address.
func (p *probe) IP() string { return p.server.ip }

// Ready returns what /readyz would answer.
func (p *probe) Ready() bool { return true }

func (p *probe) read(map[string]string)     {}
func (p *probe) takeRestart() *containerEnd { return nil }
func (p *probe) terminate() <-chan struct{} { return p.ended }
func (p *probe) lastWord() string           { return "" }
func (p *probe) over() bool                 { return false }
func (p *probe) exitCode() int32            { return 0 }
func (p *probe) stop()                      { p.server.close() }
