// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

// curves are the key exchanges offered: one, because each end is this package.
var curves = []tls.CurveID{tls.X25519}

// ClientConfig returns how the operator speaks to agents and probes.
//
// It does not verify the server: a pod has no identity that the operator could know. What
// answers may therefore lie, as the pod itself may. It cannot use the operator's proof in a
// handshake of its own, because the proof covers the one that it was given in. It can pass
// the whole connection on to another pod, so a request names the pod that it means; see
// ByOperatorFor.
func (i *Identity) ClientConfig() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		CurvePreferences:   curves,
		InsecureSkipVerify: true, //nolint:gosec // the comment above says what follows from it
		// What a pod shows is bounded all the same, as the connection holds it.
		VerifyPeerCertificate: oneSmallCertificate,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &i.certificate, nil
		},
	}
}

// ServerConfig returns how an agent or a probe speaks to the operator: with a key that is
// drawn now.
func ServerConfig() (*tls.Config, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	certificate, err := selfSigned(key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:       tls.VersionTLS13,
		CurvePreferences: curves,
		Certificates:     []tls.Certificate{certificate},
		// Whoever has no certificate is told so by an answer; see byOperator.
		ClientAuth:            tls.RequestClientCert,
		VerifyPeerCertificate: oneSmallCertificate,
		// A resumed session would save the operator a fifth of a handshake, and both ends
		// would have to remember it.
		SessionTicketsDisabled: true,
		NextProtos:             []string{"http/1.1"},
	}, nil
}

// maxPins bounds the file with the pins, in bytes.
const maxPins = 1 << 10

// byOperator returns whether a request comes from the operator: from a client that has
// proven to hold the key whose pin is in the file. The file is read each time, so that a
// pin that was replaced is worth nothing, on connections that were opened before too.
func byOperator(path string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
			return false
		}
		return inFile(path, Pin(r.TLS.PeerCertificates[0]))
	}
}

// inFile reports whether a pin is one of those in a file, which white space separates.
func inFile(path, pin string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, maxPins))
	if err != nil {
		return false
	}
	found := 0
	for known := range strings.FieldsSeq(string(content)) {
		found |= subtle.ConstantTimeCompare([]byte(known), []byte(pin))
	}
	return found == 1
}
