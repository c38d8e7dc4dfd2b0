// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scraping

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/utils/clock"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

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

// Options are the options of controller-runtime's metrics server. HTTP/2 is off: its
// stream resets have been used to exhaust servers.
func Options(s Serving) (metricsserver.Options, error) {
	out := metricsserver.Options{
		BindAddress:   s.Address,
		SecureServing: s.Secure,
		TLSOpts:       []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }},
	}
	if !s.Secure {
		return out, nil
	}
	out.FilterProvider = Filter
	if s.CertDir != "" {
		out.CertDir = s.CertDir
		return out, checkCertificate(s.CertDir)
	}
	own := NewSelfSigned(s.Host, clock.RealClock{})
	out.TLSOpts = append(out.TLSOpts, func(c *tls.Config) { c.GetCertificate = own.GetCertificate })
	return out, nil
}

// checkCertificate reports whether a folder has a certificate that can be served. The
// metrics server would sign one of its own where files are missing, and the scraper
// would be told nothing of it.
func checkCertificate(dir string) error {
	_, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	switch {
	case os.IsNotExist(err):
		return fmt.Errorf("the folder %s, which --metrics-cert-dir names, must hold tls.crt and tls.key: %w", dir, err)
	case err != nil:
		return fmt.Errorf("use tls.crt and tls.key of %s, which --metrics-cert-dir names: %w", dir, err)
	}
	return nil
}
