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
	// maxCertificate bounds the one certificate of a peer, in bytes. selfSigned makes less
	// than 300.
	maxCertificate = 1 << 10
	// maxHandshake bounds what a server sends in its handshake, in bytes. ServerConfig's
	// sends less than 1 KiB.
	maxHandshake = 8 << 10
)

var (
	errCertificates = errors.New("it showed more than one small certificate")
	errHandshake    = errors.New("its TLS handshake is longer than 8 KiB")
)

// oneSmallCertificate refuses certificates that selfSigned cannot have made. A client may
// show none. A connection holds its peer's certificates for as long as it is open, parsed, at ten times
// their size.
func oneSmallCertificate(raw [][]byte, _ [][]*x509.Certificate) error {
	for i, der := range raw {
		if i > 0 || len(der) > maxCertificate {
			return errCertificates
		}
	}
	return nil
}

// Dialer returns how the operator opens a connection to an agent or a probe, over a
// connection of dial. The handshake, for which timeout is allowed, reads a bounded number
// of bytes: TLS itself would parse 256 KiB of certificates before it asks what to think of
// them.
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
		bound.lifted.Store(true)
		return conn, nil
	}
}

// bounded is a connection of which a number of bytes can be read, until that is lifted.
type bounded struct {
	net.Conn
	left   atomic.Int64
	lifted atomic.Bool
}

// Read reads what is left at the most.
func (b *bounded) Read(p []byte) (int, error) {
	if b.lifted.Load() {
		return b.Conn.Read(p)
	}
	left := b.left.Load()
	if left <= 0 {
		return 0, errHandshake
	}
	n, err := b.Conn.Read(p[:min(int64(len(p)), left)])
	b.left.Add(-int64(n))
	return n, err
}
