// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
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

// The connections that are served at once. A stranger that has used up its own keeps out
// nobody; see package gate.
var (
	publicLimits = gate.Limits{PerAddress: 4, Total: 32}
	healthLimits = gate.Limits{PerAddress: 4, Total: 16}
	// Of operators there is one, and for a moment the one before it.
	operatorLimits = gate.Limits{PerAddress: 4, Total: 16, Trusted: 4}
)

// answerTime bounds an answer.
const answerTime = 10 * time.Second

// Servers are the agent's HTTP servers. All are read-only: every path answers GET and
// HEAD alone.
type Servers struct {
	// public answers anyone: metrics, health, and the public part of the status.
	public *http.Server
	// health answers the kubelet.
	health *http.Server
	// operator answers the operator with the whole status, and others as public does.
	operator *http.Server
}

// NewServers returns the agent's servers. pins is the file with the pins of the
// operator's keys.
func NewServers(source Source, pins string) *Servers {
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
	return &Servers{
		public: gate.NewServer(public, answerTime), health: gate.NewServer(health, answerTime),
		operator: gate.NewTrustedServer(operator, trust.ByOperatorFor(pins, protocol.PodUIDHeader, source.PodUID), answerTime),
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

// Addresses are where the agent serves.
type Addresses struct{ Public, Health, Operator string }

// Listeners are the agent's open ports.
type Listeners struct{ public, health, operator net.Listener }

// Listen opens the agent's ports.
func Listen(at Addresses) (*Listeners, error) {
	secure, err := trust.ServerConfig()
	if err != nil {
		return nil, err
	}
	l := &Listeners{}
	for _, port := range []struct {
		listener *net.Listener
		address  string
		limits   gate.Limits
	}{{&l.public, at.Public, publicLimits}, {&l.health, at.Health, healthLimits}, {&l.operator, at.Operator, operatorLimits}} {
		opened, err := gate.Listen(port.address, port.limits)
		if err != nil {
			return nil, fmt.Errorf("serve on %s: %w", port.address, err)
		}
		*port.listener = opened
	}
	l.operator = tls.NewListener(l.operator, secure)
	return l, nil
}

// Serve serves until the process ends, and reports each server that ends before.
func (s *Servers) Serve(l *Listeners, failed func(error)) {
	for _, one := range []struct {
		server   *http.Server
		listener net.Listener
	}{{s.public, l.public}, {s.health, l.health}, {s.operator, l.operator}} {
		go func() { failed(one.server.Serve(one.listener)) }()
	}
}
