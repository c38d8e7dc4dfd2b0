// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// chain returns a key with several certificates, each with an extension of size bytes.
func chain(t *testing.T, certificates, size int) tls.Certificate {
	t.Helper()
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	out := tls.Certificate{PrivateKey: key}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1<<31, 0)}
	if size > 0 {
		template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Value: make([]byte, size)}}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		t.Fatal(err)
	}
	for range certificates {
		out.Certificate = append(out.Certificate, der)
	}
	return out
}

// counted is a connection that counts the bytes read.
type counted struct {
	net.Conn
	read *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// listen accepts TLS connections, and greets each after its handshake.
func listen(t *testing.T, config *tls.Config) (address string) {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				_, _ = conn.Write(make([]byte, 64<<10))
			}()
		}
	}()
	return listener.Addr().String()
}

// TestAServersHandshakeIsBounded checks that the operator reads little of any server's
// handshake, and keeps no connection to a server that shows more than an agent does.
func TestAServersHandshakeIsBounded(t *testing.T) {
	identity, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	honest, err := ServerConfig()
	if err != nil {
		t.Fatal(err)
	}
	shows := func(certificates, size int) *tls.Config {
		return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{chain(t, certificates, size)}}
	}
	for name, tc := range map[string]struct {
		server *tls.Config
		opened bool
	}{
		"an agent":               {honest, true},
		"two certificates":       {shows(2, 0), false},
		"one of two kilobytes":   {shows(1, 2<<10), false},
		"one of 60 KiB":          {shows(1, 60<<10), false},
		"a thousand of them":     {shows(1000, 0), false},
		"sixteen of 15 kilobyte": {shows(16, 15<<10), false},
	} {
		t.Run(name, func(t *testing.T) {
			var read atomic.Int64
			dial := identity.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
				return counted{conn, &read}, err
			}, 10*time.Second)
			conn, err := dial(t.Context(), "tcp", listen(t, tc.server))
			if (err == nil) != tc.opened {
				t.Fatalf("the connection is opened: %t, want %t: %v", err == nil, tc.opened, err)
			}
			if n := read.Load(); n > maxHandshake {
				t.Errorf("%d bytes were read", n)
			}
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
			if n, err := io.Copy(io.Discard, conn); err != nil || n != 64<<10 {
				t.Errorf("%d bytes of the answer were read, %v", n, err)
			}
		})
	}
}

// TestARestingConnectionReadsLittle checks that bytes a server sends without a request
// are read up to the limit, and that the next answer is read completely.
func TestARestingConnectionReadsLittle(t *testing.T) {
	server, client := net.Pipe()
	defer func() { _, _ = server.Close(), client.Close() }()
	bound := &bounded{Conn: client}
	bound.done.Store(true)
	for round, want := range []error{nil, errUnasked} {
		go func() { _, _ = server.Read(make([]byte, 1)); _, _ = server.Write(make([]byte, 64<<10)) }()
		if _, err := bound.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		if want != nil {
			bound.left.Store(maxHandshake) // as Rest does
			bound.lifted.Store(false)
		}
		n, err := io.ReadFull(bound, make([]byte, 64<<10))
		if !errors.Is(err, want) || want != nil && n != maxHandshake {
			t.Errorf("round %d: %d bytes were read, %v; want %v", round, n, err, want)
		}
	}
}

// TestAClientsCertificatesAreBounded checks that an agent rejects a client that shows
// more than the operator does.
func TestAClientsCertificatesAreBounded(t *testing.T) {
	config, err := ServerConfig()
	if err != nil {
		t.Fatal(err)
	}
	address := listen(t, config)
	for name, tc := range map[string]struct {
		client tls.Certificate
		served bool
	}{
		"none":                 {tls.Certificate{}, true},
		"one":                  {chain(t, 1, 0), true},
		"two":                  {chain(t, 2, 0), false},
		"one of two kilobytes": {chain(t, 1, 2<<10), false},
	} {
		client := &tls.Config{
			InsecureSkipVerify:   true, //nolint:gosec // any server will do
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tc.client, nil },
		}
		conn, err := tls.Dial("tcp", address, client)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n, _ := io.Copy(io.Discard, conn)
		_ = conn.Close()
		if (n > 0) != tc.served {
			t.Errorf("%s: %d bytes were answered", name, n)
		}
	}
}
