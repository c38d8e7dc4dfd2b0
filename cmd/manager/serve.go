// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net/http"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"queueworker.dev/queueworker/controllers/scraping"
	"queueworker.dev/queueworker/gate"
)

const (
	// healthTime bounds the time for an answer to the kubelet.
	healthTime = 5 * time.Second
	// shutdownTime is how long the answers under way may take when the operator ends.
	shutdownTime = 5 * time.Second
)

// healthLimits bound the connections to /healthz and /readyz. The kubelet opens one for
// each question.
var healthLimits = gate.Limits{PerAddress: 4, Total: 32}

// serve adds the operator's two servers to its manager. Both listen to every pod of the
// cluster.
func serve(mgr ctrl.Manager, o options) error {
	running, err := scraping.Servers(o.metrics, mgr.GetConfig(), mgr.GetHTTPClient(), mgr.GetLogger().WithName("metrics"))
	if err != nil {
		return err
	}
	if o.healthAddress != "0" && o.healthAddress != "" {
		health, err := newHealthServer(o.healthAddress)
		if err != nil {
			return err
		}
		running = append(running, health)
	}
	for _, server := range running {
		if err := mgr.Add(server); err != nil {
			return fmt.Errorf("add a server to the manager: %w", err)
		}
	}
	return nil
}

// newHealthServer returns the server of /healthz and /readyz, which starts before the
// caches are filled.
func newHealthServer(address string) (*manager.Server, error) {
	listener, err := gate.Listen(address, healthLimits)
	if err != nil {
		return nil, fmt.Errorf("serve /healthz and /readyz on %s: %w", address, err)
	}
	alive := func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", alive)
	mux.HandleFunc("GET /readyz", alive)
	return &manager.Server{Name: "health", Server: gate.NewServer(mux, healthTime), Listener: listener, ShutdownTimeout: new(shutdownTime)}, nil
}
