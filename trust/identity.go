// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"time"
)

// Identity is the operator's key pair.
type Identity struct {
	certificate tls.Certificate
	pin         string
}

// NewIdentity generates a key pair.
func NewIdentity() (*Identity, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	return identityOf(key)
}

// LoadIdentity reads the key pair from a file: an Ed25519 private key as PEM, as `openssl
// genpkey -algorithm ed25519` writes it.
func LoadIdentity(path string) (*Identity, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the operator's key: %w", err)
	}
	const expected = "hold an Ed25519 private key as `openssl genpkey -algorithm ed25519` writes it"
	block, _ := pem.Decode(content)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("the file %s with the operator's key does not %s", path, expected)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("the file %s with the operator's key does not %s", path, expected)
	}
	return identityOf(key)
}

func identityOf(key ed25519.PrivateKey) (*Identity, error) {
	certificate, err := selfSigned(key)
	if err != nil {
		return nil, err
	}
	return &Identity{certificate: certificate, pin: Pin(certificate.Leaf)}, nil
}

// Pin returns the pin by which agents and probes recognize the operator.
func (i *Identity) Pin() string { return i.pin }

// Pin returns the SHA-256 of a certificate's public key, as hexadecimal digits.
func Pin(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// selfSigned creates the certificate that TLS needs to carry a key. Both sides check only
// the key, so the certificate names nothing and never expires.
func selfSigned(key ed25519.PrivateKey) (tls.Certificate, error) {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// IdentityFrom reads the key pair from a file if the file exists, and generates one
// otherwise; kept reports whether the file exists.
func IdentityFrom(path string) (identity *Identity, kept bool, err error) {
	if path != "" {
		identity, err = LoadIdentity(path)
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return identity, true, err
		}
	}
	identity, err = NewIdentity()
	return identity, false, err
}
