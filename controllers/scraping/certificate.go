// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scraping

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

const (
	// validFor is how long a certificate that the operator signs is valid, and
	// renewBefore how long before its end it is replaced.
	validFor    = 365 * 24 * time.Hour
	renewBefore = 30 * 24 * time.Hour
)

// SelfSigned makes certificates for a host that has no certificate from another
// authority, and replaces them before they expire.
type SelfSigned struct {
	host  string
	clock clock.PassiveClock

	mu      sync.Mutex
	current *tls.Certificate
}

// NewSelfSigned returns the certificates of a host, such as
// queueworker-metrics.queueworker-system.svc.
func NewSelfSigned(host string, now clock.PassiveClock) *SelfSigned {
	return &SelfSigned{host: host, clock: now}
}

// GetCertificate returns the present certificate, as tls.Config requires.
func (s *SelfSigned) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock.Now()
	if s.current != nil && now.Before(s.current.Leaf.NotAfter.Add(-renewBefore)) {
		return s.current, nil
	}
	made, err := selfSign(s.host, now)
	if err != nil {
		return nil, fmt.Errorf("make a certificate for %s: %w", s.host, err)
	}
	s.current = made
	return made, nil
}

func selfSign(host string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: host},
		DNSNames:              names(host),
		NotBefore:             now.Add(-time.Hour), // clocks differ
		NotAfter:              now.Add(validFor),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key, Leaf: leaf}, nil
}

// names returns the names by which the host of a Service is reached in a cluster.
func names(host string) []string {
	out := []string{host}
	if short, isService := strings.CutSuffix(host, ".svc"); isService {
		out = append(out, short, host+".cluster.local")
	}
	return out
}
