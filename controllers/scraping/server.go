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
	// answerTime bounds the time for an answer, including the question to the API server.
	answerTime = 30 * time.Second
	// shutdownTime is how long answers under way may take when the operator ends.
	shutdownTime = 5 * time.Second
)

// limits bound the connections to the metrics. A Prometheus has one connection.
var limits = gate.Limits{PerAddress: 4, Total: 64}

// Serving says how the operator's metrics are served.
type Serving struct {
	// Address is the address to serve on; 0 or an empty one turns the metrics off.
	Address string
	// Secure serves them over HTTPS, to callers that the API server authorizes.
	Secure bool
	// CertDir is the folder with tls.crt and tls.key. If it is empty, the operator
	// signs its own certificate.
	CertDir string
	// Host is the host in a certificate that the operator signs.
	Host string
}

// Servers returns the runnables that serve the operator's metrics, for its manager;
// none if the metrics are off. It binds the address at once. client must have the
// rights of config, and is used to ask the API server who reads.
//
// This is not the manager's own metrics server, which accepts any number of
// connections. Each of them may send a header of 1 MiB for half a minute, so a pod that
// reaches the port could take all the memory of the operator.
func Servers(s Serving, config *rest.Config, client *http.Client, log logr.Logger) ([]manager.Runnable, error) {
	if s.Address == "0" || s.Address == "" {
		return nil, nil
	}
	handler := gate.Shared(promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{DisableCompression: true}))
	var secure *tls.Config
	var running []manager.Runnable //nolint:prealloc // one or two
	if s.Secure {
		var err error
		if handler, err = filter(config, client, log, handler); err != nil {
			return nil, err
		}
		// HTTP/2 is off because its stream resets have been used to exhaust servers.
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

// certificate returns the source of the certificate, and the runnables that it needs.
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
