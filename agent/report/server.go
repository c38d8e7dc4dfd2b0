// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/gate"
	"queueworker.dev/queueworker/trust"
)

// Source is the source of everything that the servers report.
type Source struct {
	State func() *supervisor.State
	// Agent is the agent's version, PodUID the UID of the pod.
	Agent, PodUID string
	// These label the metrics of the pool.
	Namespace, Name, App string
}

// status returns the current status document.
func (s Source) status() protocol.Status {
	return Status(Input{State: s.State(), Network: Network(), Agent: s.Agent, PodUID: s.PodUID, Now: time.Now()})
}

// budgets bound the connections that are served at once. A stranger that has used up its
// own budget does not keep out any other client; see package gate.
var budgets = gate.Budgets{
	Public: gate.Limits{PerAddress: 4, Total: 32},
	Health: gate.Limits{PerAddress: 4, Total: 16},
	// There is one operator and, for a moment, its predecessor.
	Operator: gate.Limits{PerAddress: 4, Total: 16, Trusted: 4},
}

const (
	// answerTime bounds the time for an answer.
	answerTime = 10 * time.Second
	// publicTime is how long all clients get the same public status. It is short because
	// users watch the status live.
	publicTime = 100 * time.Millisecond
)

// NewServers returns the agent's servers. All are read-only: every path accepts only GET
// and HEAD. Any client may read metrics, health, and the public part of the status. Only
// the operator, whose pins are in the file pins, may read the whole status.
func NewServers(source Source, pins string) *gate.Servers {
	strangers := gate.SharedFor(publicTime, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status := source.status()
		answer(w, status.Public())
	}))
	public := http.NewServeMux()
	public.Handle("GET "+protocol.StatusPath, strangers)
	public.Handle("GET "+protocol.MetricsPath, gate.Shared(promhttp.HandlerFor(newRegistry(source), promhttp.HandlerOpts{DisableCompression: true})))
	health := http.NewServeMux()
	for _, mux := range []*http.ServeMux{public, health} {
		serveHealth(mux, source)
	}
	operator := http.NewServeMux()
	operator.HandleFunc("GET "+protocol.StatusPath, func(w http.ResponseWriter, r *http.Request) {
		if !gate.Trusted(r) {
			// An operator whose key is not known yet still needs the counts. An operator that
			// means another pod gets no more either.
			strangers.ServeHTTP(w, r)
			return
		}
		answer(w, source.status())
	})
	return &gate.Servers{
		Public: gate.NewServer(public, answerTime), Health: gate.NewServer(health, answerTime),
		Operator: gate.NewTrustedServer(operator, trust.ByOperatorFor(pins, protocol.PodUIDHeader, source.PodUID), answerTime),
	}
}

func answer(w http.ResponseWriter, status protocol.Status) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(status)
}

func serveHealth(mux *http.ServeMux, source Source) {
	mux.HandleFunc("GET "+protocol.HealthPath, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET "+protocol.ReadyPath, func(w http.ResponseWriter, _ *http.Request) {
		if !source.State().Ready() {
			http.Error(w, "no process has started well", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
}

// Listen opens the agent's ports.
func Listen(at gate.Addresses) (*gate.Ports, error) {
	secure, err := trust.ServerConfig()
	if err != nil {
		return nil, err
	}
	return gate.Open(at, budgets, secure)
}
