// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scraping

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"queueworker.dev/queueworker/gate"
)

const (
	metricsPath = "/metrics"
	// answerTime bounds the time for an answer, with the time to ask the API server.
	answerTime = 30 * time.Second
	// shutdownTime is how long the answers under way may take when the operator ends.
	shutdownTime = 5 * time.Second
)

// limits bound the connections to the metrics. A Prometheus has one.
var limits = gate.Limits{PerAddress: 4, Total: 64}

// Serving says how the operator's metrics are served.
type Serving struct {
	// Address is where; 0 turns them off.
	Address string
	// Secure serves them by HTTPS, to callers that the API server authorizes.
	Secure bool
	// CertDir is the folder with tls.crt and tls.key; empty: the operator signs its own.
	CertDir string
	// Host is the host in a certificate that the operator signs.
	Host string
}

// Servers returns what serves the operator's metrics, to be run by its manager; nothing
// if they are turned off. The address is taken at once. client must have the rights of
// config, by which the API server is asked who reads.
//
// It is not the manager's own metrics server: that accepts any number of connections, each
// of which may send a header of 1 MiB for half a minute, so that a pod that reaches the
// port could take all the memory of the operator.
func Servers(s Serving, config *rest.Config, client *http.Client, log logr.Logger) ([]manager.Runnable, error) {
	if s.Address == "0" {
		return nil, nil
	}
	handler := gate.Shared(promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{DisableCompression: true}))
	var secure *tls.Config
	var running []manager.Runnable
	if s.Secure {
		var err error
		if handler, err = filter(config, client, log, handler); err != nil {
			return nil, err
		}
		// HTTP/2 is off: its stream resets have been used to exhaust servers.
		secure = &tls.Config{NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}
		if secure.GetCertificate, running, err = s.certificate(); err != nil {
			return nil, err
		}
	}
	listener, err := gate.Listen(s.Address, limits)
	if err != nil {
		return nil, fmt.Errorf("serve metrics on %s: %w", s.Address, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, handler)
	server := &manager.Server{Name: "metrics", Server: gate.NewServer(mux, answerTime), Listener: listener, ShutdownTimeout: new(shutdownTime)}
	if secure != nil {
		server.Listener = tls.NewListener(listener, secure)
	}
	return append(running, server), nil
}

// certificate returns the source of the certificate, and what has to run for it.
func (s Serving) certificate() (func(*tls.ClientHelloInfo) (*tls.Certificate, error), []manager.Runnable, error) {
	if s.CertDir == "" {
		return NewSelfSigned(s.Host, clock.RealClock{}).GetCertificate, nil, nil
	}
	watcher, err := certwatcher.New(filepath.Join(s.CertDir, "tls.crt"), filepath.Join(s.CertDir, "tls.key"))
	switch {
	case os.IsNotExist(err):
		return nil, nil, fmt.Errorf("the folder %s, which --metrics-cert-dir names, must hold tls.crt and tls.key: %w", s.CertDir, err)
	case err != nil:
		return nil, nil, fmt.Errorf("use tls.crt and tls.key of %s, which --metrics-cert-dir names: %w", s.CertDir, err)
	}
	return watcher.GetCertificate, []manager.Runnable{watcher}, nil
}
