// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package fakes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
)

// Agent simulates the agent of one pod: it obeys the control documents and serves a
// status. A test makes it work with Start, Finish and Exit.
type Agent struct {
	// Namespace, Pod and UID identify the pod.
	Namespace, Pod, UID string

	config  protocol.Config
	changed func()
	server  *server
	ip      string
	started time.Time

	mu     sync.Mutex
	status protocol.Status
	// failedAt and exitedAt are the times of the recent failures and exits.
	failedAt []time.Time
	exitedAt []time.Time
	lastPID  int32
	exits    int64
	token    string
	podToken string
	kill     string
	podKill  string
	jobs     map[int32]int32 // by the process of each slot
	heard    bool
	pins     string
	asked    int
	muted    bool
	closed   bool
	finished bool
	restart  *containerEnd
	ended    chan struct{}
}

// containerEnd describes how the agent's whole container ended.
type containerEnd struct {
	reason string
	code   int32
}

// Outcome is how a job ends.
type Outcome int

// The outcomes of a job.
const (
	Processed Outcome = iota
	Failed
	Released
)

// startAgent starts the agent of a pod that sees the given control files. It calls
// changed when the agent's readiness or container may have changed.
func startAgent(pod *corev1.Pod, files map[string]string, changed func()) (*Agent, error) {
	a := &Agent{Namespace: pod.Namespace, Pod: pod.Name, UID: string(pod.UID), changed: changed, started: time.Now(), ended: make(chan struct{}), jobs: map[int32]int32{}}
	for _, variable := range workerContainer(pod).Env {
		if variable.Name == protocol.ConfigEnv {
			// The kubelet replaces $$ by a dollar sign.
			if err := json.Unmarshal([]byte(strings.ReplaceAll(variable.Value, "$$", "$")), &a.config); err != nil {
				return nil, fmt.Errorf("read %s: %w", protocol.ConfigEnv, err)
			}
		}
	}
	if a.config.Processes == 0 {
		return nil, fmt.Errorf("%s is not set or asks for no processes", protocol.ConfigEnv)
	}
	a.status = protocol.Status{
		Version: protocol.Version, Agent: "fake", PodUID: a.UID, Phase: protocol.PhaseRunning, Ready: true,
		Runtime: &protocol.RuntimeFacts{GracefulStop: true, Dialect: "brackets", Version: "8.83.27"},
	}
	for slot := range a.config.Processes {
		a.status.Workers = append(a.status.Workers, protocol.Worker{Slot: slot, PID: a.nextPID(), State: protocol.WorkerIdle})
	}
	a.read(files)
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+protocol.StatusPath, a.serveStatus)
	var err error
	if a.server, err = serve(pod, mux); err != nil {
		return nil, err
	}
	a.ip = a.server.ip
	return a, nil
}

func (a *Agent) nextPID() int32 {
	a.lastPID++
	return 6 + a.lastPID
}

func (a *Agent) serveStatus(response http.ResponseWriter, request *http.Request) {
	a.mu.Lock()
	muted := a.muted
	a.asked++
	a.status.UptimeSeconds = time.Since(a.started).Seconds()
	for i := range a.status.RecentFailures {
		a.status.RecentFailures[i].AgeSeconds = time.Since(a.failedAt[i]).Seconds()
	}
	for i := range min(len(a.status.RecentExits), len(a.exitedAt)) {
		a.status.RecentExits[i].AgeSeconds = time.Since(a.exitedAt[i]).Seconds()
	}
	status := a.status
	if request.TLS != nil && !knownOperator(request, a.pins, a.UID) {
		status = status.Public()
	}
	document, err := json.Marshal(status)
	a.mu.Unlock()
	if muted {
		// It gives no answer until the caller gives up.
		<-request.Context().Done()
		return
	}
	if err != nil {
		http.Error(response, err.Error(), http.StatusInternalServerError)
		return
	}
	response.Header().Set("Content-Type", "application/json")
	_, _ = response.Write(document)
}

// IP returns the pod's address.
func (a *Agent) IP() string { return a.ip }

// Config returns what the operator told the agent to run.
func (a *Agent) Config() protocol.Config { return a.config }

// Status returns the status that the agent would report now.
func (a *Agent) Status() protocol.Status {
	a.mu.Lock()
	defer a.mu.Unlock()
	status := a.status
	status.Workers = append([]protocol.Worker(nil), a.status.Workers...)
	return status
}

// Asked returns how often the agent was asked for its status.
func (a *Agent) Asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// Ready returns what /readyz would answer.
func (a *Agent) Ready() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status.Ready
}

// Update changes the status directly.
func (a *Agent) Update(change func(*protocol.Status)) {
	a.mu.Lock()
	change(&a.status)
	a.mu.Unlock()
	a.changed()
}

// Mute makes the agent stop or resume answering requests.
func (a *Agent) Mute(muted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.muted = muted
}

// stop stops the server, because the pod is gone.
func (a *Agent) stop() { a.server.close() }

// lastWord returns the termination message.
func (a *Agent) lastWord() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	final := protocol.Final{Version: protocol.Version, Counters: a.status.Counters, Complete: a.allEnded()}
	document, err := json.Marshal(final)
	if err != nil {
		panic(err) // a struct of numbers always encodes
	}
	return string(document)
}
