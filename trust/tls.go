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

// curves are the key exchanges offered: only one, because both ends use this package.
var curves = []tls.CurveID{tls.X25519}

// ClientConfig returns the TLS configuration with which the operator calls agents and
// probes.
//
// It does not verify the server, because a pod has no identity that the operator could
// know. The server that answers may therefore lie, as the pod itself may. It cannot use
// the operator's proof in a handshake of its own, because the proof covers only the
// handshake in which it was given. It can relay the whole connection to another pod, so a
// request names the pod that it means; see ByOperatorFor.
func (i *Identity) ClientConfig() *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		CurvePreferences:   curves,
		InsecureSkipVerify: true, //nolint:gosec // the comment above says what follows from it
		// The certificates of a pod are bounded nevertheless, because the connection holds
		// them.
		VerifyPeerCertificate: oneSmallCertificate,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &i.certificate, nil
		},
	}
}

// ServerConfig returns the TLS configuration with which an agent or a probe serves the
// operator. It generates a new key.
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
		// A client without a certificate gets an answer that says so; see byOperator.
		ClientAuth:            tls.RequestClientCert,
		VerifyPeerCertificate: oneSmallCertificate,
		// A resumed session would save the operator a fifth of a handshake, but both ends would
		// have to remember it.
		SessionTicketsDisabled: true,
		NextProtos:             []string{"http/1.1"},
	}, nil
}

// maxPins bounds the file with the pins, in bytes.
const maxPins = 1 << 10

// byOperator returns a function that reports whether a request comes from the operator.
// The client must have proven that it holds the key whose pin is in the file. The file is
// read for each request, so that a replaced pin is worthless at once, even on connections
// that were opened before.
func byOperator(path string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
			return false
		}
		return inFile(path, Pin(r.TLS.PeerCertificates[0]))
	}
}

// inFile reports whether a file contains a pin. White space separates the pins in the
// file.
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
