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

// Source is what the server tells of.
type Source struct {
	State func() *supervisor.State
	// Agent is the agent's version, PodUID the pod's.
	Agent, PodUID string
	// Labels name the pool in metrics.
	Namespace, Name, App string
}

// status makes the status document of this moment.
func (s Source) status() protocol.Status {
	return Status(Input{State: s.State(), Network: Network(), Agent: s.Agent, PodUID: s.PodUID, Now: time.Now()})
}

// budgets are the connections that are served at once. A stranger that has used up its own
// keeps out nobody; see package gate.
var budgets = gate.Budgets{
	Public: gate.Limits{PerAddress: 4, Total: 32},
	Health: gate.Limits{PerAddress: 4, Total: 16},
	// Of operators there is one, and for a moment the one before it.
	Operator: gate.Limits{PerAddress: 4, Total: 16, Trusted: 4},
}

// answerTime bounds an answer.
const answerTime = 10 * time.Second

// NewServers returns the agent's servers, all of them read-only: every path answers GET and
// HEAD alone. Anyone is told metrics, health, and the public part of the status; the
// operator, whose pins stand in the file pins, the whole status.
func NewServers(source Source, pins string) *gate.Servers {
	public := http.NewServeMux()
	public.HandleFunc("GET "+protocol.StatusPath, func(w http.ResponseWriter, _ *http.Request) {
		status := source.status()
		answer(w, status.Public())
	})
	public.Handle("GET "+protocol.MetricsPath, gate.Shared(promhttp.HandlerFor(newRegistry(source), promhttp.HandlerOpts{DisableCompression: true})))
	health := http.NewServeMux()
	for _, mux := range []*http.ServeMux{public, health} {
		serveHealth(mux, source)
	}
	operator := http.NewServeMux()
	operator.HandleFunc("GET "+protocol.StatusPath, func(w http.ResponseWriter, r *http.Request) {
		status := source.status()
		if !gate.Trusted(r) {
			// An operator whose key is not known yet has to know the counts all the same. One
			// that means another pod is told no more either.
			status = status.Public()
		}
		answer(w, status)
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
