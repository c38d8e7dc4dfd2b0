// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"golang.org/x/net/netutil"

	"queueworker.dev/queueworker/api/protocol"
)

// Identity is what the probe says of itself.
type Identity struct {
	// Version is the probe's own, PodUID that of its pod.
	Version, PodUID string
	// Namespace, App and Driver label metrics.
	Namespace, App string
	Driver         protocol.Driver
}

// maxConnections bounds the connections served at once; the operator, a Prometheus
// or two and the kubelet need one each.
const maxConnections = 32

// idle is how long a connection may stay open unused. Connections are few, and any
// pod may hold one: whoever only holds them must not keep the operator out for long.
const idle = 10 * time.Second

// NewServer returns the probe's HTTP server.
func NewServer(p *Prober, failed *Failed, identity Identity) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+protocol.BacklogPath, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBytes))
		if err != nil {
			status := http.StatusBadRequest
			if _, large := errors.AsType[*http.MaxBytesError](err); large {
				status = http.StatusRequestEntityTooLarge
			}
			http.Error(w, fmt.Sprintf("the request could not be read whole; at most %d bytes are allowed", maxRequestBytes), status)
			return
		}
		request, err := parseRequest(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		document := p.Answer(r.Context(), request)
		document.Probe, document.PodUID = identity.Version, identity.PodUID
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false) // names of queues stay as short as they are
		_ = encoder.Encode(document)
	})
	mux.HandleFunc("POST "+protocol.FailedPath, failed.serve(identity))
	mux.HandleFunc("GET "+protocol.HealthPath, alive)
	// Ready is a probe that answers: a backend that cannot be read is what it tells.
	mux.HandleFunc("GET "+protocol.ReadyPath, alive)
	mux.Handle("GET "+protocol.MetricsPath, promhttp.HandlerFor(newRegistry(p, identity), promhttp.HandlerOpts{
		MaxRequestsInFlight: 2, DisableCompression: true,
	}))
	return &http.Server{
		Handler:           mux,
		ReadTimeout:       5 * time.Second,
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      4 * deadline,
		IdleTimeout:       idle,
		MaxHeaderBytes:    8 << 10,
	}
}

func alive(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) }

// Listen opens the port, with a bound on the connections served at once.
func Listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return netutil.LimitListener(listener, maxConnections), nil
}
