// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

const (
	// maxCertificate bounds the one certificate of a peer, in bytes. selfSigned creates less
	// than 300.
	maxCertificate = 1 << 10
	// maxHandshake bounds the handshake bytes of a server. ServerConfig's server sends less
	// than 1 KiB.
	maxHandshake = 8 << 10
)

var (
	errCertificates = errors.New("it showed more than one small certificate")
	errHandshake    = errors.New("its TLS handshake is longer than 8 KiB")
	errUnasked      = errors.New("it sent more than 8 KiB that nobody asked for")
)

// oneSmallCertificate rejects certificates that selfSigned cannot have created. A client
// may show none. A connection holds its peer's certificates, parsed and at ten times
// their size, for as long as it is open.
func oneSmallCertificate(raw [][]byte, _ [][]*x509.Certificate) error {
	for i, der := range raw {
		if i > 0 || len(der) > maxCertificate {
			return errCertificates
		}
	}
	return nil
}

// Dialer returns a function that connects the operator to an agent or a probe, over a
// connection of dial. The handshake may take as long as timeout. It reads a bounded
// number of bytes, because TLS itself would parse 256 KiB of certificates before it asks
// whether to accept them.
func (i *Identity) Dialer(dial func(ctx context.Context, network, address string) (net.Conn, error), timeout time.Duration,
) func(ctx context.Context, network, address string) (net.Conn, error) {
	config := i.ClientConfig()
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		bound := &bounded{Conn: raw}
		bound.left.Store(maxHandshake)
		conn := tls.Client(bound, config)
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err
		}
		bound.done.Store(true)
		bound.lifted.Store(true)
		return conn, nil
	}
}

// Rest bounds the bytes read from a connection of Dialer until the next request is
// written to it. While the connection is kept open, TLS would hold up to 256 KiB of a
// message that the server has begun but does not end.
func Rest(conn net.Conn) {
	secured, ok := conn.(*tls.Conn)
	if !ok {
		return
	}
	if bound, ok := secured.NetConn().(*bounded); ok {
		bound.left.Store(maxHandshake)
		bound.lifted.Store(false)
	}
}

// bounded is a connection that limits how many bytes can be read, until the limit is
// lifted.
type bounded struct {
	net.Conn
	left   atomic.Int64
	lifted atomic.Bool
	// done is set once the handshake is over.
	done atomic.Bool
}

// Write lifts the limit once the handshake is over, because the reader of an answer
// decides how long the answer may be.
func (b *bounded) Write(p []byte) (int, error) {
	if b.done.Load() {
		b.lifted.Store(true)
	}
	return b.Conn.Write(p)
}

// Read reads at most the bytes that are left.
func (b *bounded) Read(p []byte) (int, error) {
	if b.lifted.Load() {
		return b.Conn.Read(p)
	}
	left := b.left.Load()
	switch {
	case left > 0:
	case b.done.Load():
		return 0, errUnasked
	default:
		return 0, errHandshake
	}
	n, err := b.Conn.Read(p[:min(int64(len(p)), left)])
	b.left.Add(-int64(n))
	return n, err
}
