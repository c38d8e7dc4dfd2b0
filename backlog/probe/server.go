// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/gate"
	"queueworker.dev/queueworker/trust"
)

// Identity describes the probe and its app.
type Identity struct {
	// Version is the probe's version; PodUID is the UID of its pod.
	Version, PodUID string
	// Namespace, App and Driver label metrics.
	Namespace, App string
	Driver         protocol.Driver
}

// budgets bound the connections that are served at once. A client that has used up its
// own share blocks no other client; see package gate.
var budgets = gate.Budgets{
	Public: gate.Limits{PerAddress: 4, Total: 32},
	Health: gate.Limits{PerAddress: 4, Total: 16},
	// There is one operator, which asks for the backlog and for failed jobs. During a
	// rollout of the operator, its predecessor asks too for a moment.
	Operator: gate.Limits{PerAddress: 4, Total: 16, Trusted: 8},
}

const (
	// healthTime bounds the time of an answer about health or metrics.
	healthTime = 5 * time.Second
	// answerTime bounds the time of an answer to the operator.
	answerTime = 4 * deadline
)

// NewServers returns the probe's servers. Anyone may read metrics and health. Only the
// operator, whose pins are in the file pins, may read the backlog and the failed jobs.
func NewServers(p *Prober, failed *Failed, identity Identity, pins string) *gate.Servers {
	operator := http.NewServeMux()
	operator.HandleFunc("POST "+protocol.BacklogPath, serveBacklog(p, identity))
	operator.HandleFunc("POST "+protocol.FailedPath, failed.serve(identity))
	public, health := http.NewServeMux(), http.NewServeMux()
	for _, mux := range []*http.ServeMux{public, health} {
		mux.HandleFunc("GET "+protocol.HealthPath, alive)
		// A probe that answers is ready: an unreadable backend is something it reports.
		mux.HandleFunc("GET "+protocol.ReadyPath, alive)
	}
	for _, path := range []string{protocol.BacklogPath, protocol.FailedPath} {
		public.HandleFunc(path, refuse)
	}
	public.Handle("GET "+protocol.MetricsPath, gate.Shared(promhttp.HandlerFor(newRegistry(p, identity), promhttp.HandlerOpts{DisableCompression: true})))
	return &gate.Servers{
		Public: gate.NewServer(public, healthTime), Health: gate.NewServer(health, healthTime),
		Operator: gate.NewTrustedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !gate.Trusted(r) {
				refuse(w, r)
				return
			}
			operator.ServeHTTP(w, r)
		}), trust.ByOperatorFor(pins, protocol.PodUIDHeader, identity.PodUID), answerTime),
	}
}

// refuse answers any client but the operator. It does not read the body.
func refuse(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Connection", "close")
	http.Error(w, fmt.Sprintf("only the operator may ask, with TLS on port %d. It must prove the key whose pin it has written to this pod, and send this pod's UID in the header %s",
		protocol.OperatorPort, protocol.PodUIDHeader), http.StatusUnauthorized)
}

// serveBacklog returns a handler that answers requests for the backlog.
func serveBacklog(p *Prober, identity Identity) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
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
	}
}

func alive(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) }

// Listen opens the probe's ports.
func Listen(at gate.Addresses) (*gate.Ports, error) {
	secure, err := trust.ServerConfig()
	if err != nil {
		return nil, err
	}
	return gate.Open(at, budgets, secure)
}
