// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
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

// maxConnections bounds the connections served at once; the operator, a
// Prometheus or two and the kubelet need one each.
const maxConnections = 32

// NewServer returns the agent's HTTP server. It is read-only: every path answers
// GET and HEAD alone.
func NewServer(source Source) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+protocol.StatusPath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(source.status())
	})
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
	mux.Handle("GET "+protocol.MetricsPath, promhttp.HandlerFor(newRegistry(source), promhttp.HandlerOpts{
		MaxRequestsInFlight: 2, DisableCompression: true,
	}))
	return &http.Server{
		Handler:           mux,
		ReadTimeout:       5 * time.Second,
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    8 << 10,
	}
}

// Listen opens the port, with a bound on the connections served at once.
func Listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return netutil.LimitListener(listener, maxConnections), nil
}
