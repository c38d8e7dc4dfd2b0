// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"time"

	"queueworker.dev/queueworker/backlog"
)

// A relay speaks TLS with a MySQL server in place of the library, so that the packets can
// be checked. The library begins TLS after the greeting, on the connection that it
// dialed. That connection is a pipe in this process, so the library speaks TLS with the
// relay.
type relay struct {
	guard *backlog.Guard
	// server is the TLS configuration for the connection to the server, and local for the
	// pipe.
	server, local *tls.Config
	// address names the server in messages.
	address string
}

// dial connects to the server and returns the library's end of the pipe.
func (r *relay) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	theirs, ours := net.Pipe()
	go func() {
		if err := r.run(ctx, conn, ours); err != nil {
			if problem, ok := backlog.Unreachable(err, r.address, ""); ok {
				r.guard.Fail(problem)
			}
		}
		_, _ = conn.Close(), ours.Close()
	}()
	return r.guard.Watch(theirs, nil), nil
}

// run forwards the greeting and the library's request for TLS, does the TLS handshakes
// with both sides, and then forwards everything else. It returns an error only if TLS
// with the server failed.
func (r *relay) run(ctx context.Context, conn, ours net.Conn) error {
	until, _ := ctx.Deadline() // of the login; it is set, because Timeout is set
	_, _ = conn.SetDeadline(until), ours.SetDeadline(until)
	if passPacket(ours, conn) != nil || passPacket(conn, ours) != nil {
		return nil //nolint:nilerr // the library meets the same error, and says why
	}
	server := tls.Client(conn, r.server)
	if err := server.HandshakeContext(ctx); err != nil {
		return err
	}
	local := tls.Server(ours, r.local)
	if local.HandshakeContext(ctx) != nil {
		return nil //nolint:nilerr // as above: this is the library's own end
	}
	_, _ = conn.SetDeadline(time.Time{}), ours.SetDeadline(time.Time{})
	checker, mutex := &packets{guard: r.guard}, sync.Mutex{}
	go func() {
		pass(server, local, func(data []byte) (int, error) {
			mutex.Lock()
			defer mutex.Unlock()
			checker.Sent(data)
			return len(data), nil
		})
		_, _ = conn.Close(), ours.Close()
	}()
	pass(local, server, func(data []byte) (int, error) {
		mutex.Lock()
		defer mutex.Unlock()
		return checker.Received(data)
	})
	return nil
}

// passPacket forwards one packet of the login.
func passPacket(to io.Writer, from io.Reader) error {
	packet := make([]byte, headLength, maxLogin)
	if _, err := io.ReadFull(from, packet); err != nil {
		return err
	}
	length := int(packet[0]) | int(packet[1])<<8 | int(packet[2])<<16
	if length > maxLogin-headLength {
		return fmt.Errorf("a packet of %d bytes", length)
	}
	packet = packet[:headLength+length]
	if _, err := io.ReadFull(from, packet[headLength:]); err != nil {
		return err
	}
	_, err := to.Write(packet)
	return err
}

// pass forwards the bytes that check allows, until either side ends.
func pass(to io.Writer, from io.Reader, check func(data []byte) (int, error)) {
	for data := make([]byte, 16<<10); ; {
		n, failed := from.Read(data)
		n, refused := check(data[:n])
		if _, err := to.Write(data[:n]); err != nil || failed != nil || refused != nil {
			return
		}
	}
}

// localTLS returns the TLS configurations of the two ends of the pipe. The key of their
// certificate never leaves this process.
func localTLS() (library, relay *tls.Config, err error) {
	const name = "relay"
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().AddDate(100, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	content, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	certificate, err := x509.ParseCertificate(content)
	if err != nil {
		return nil, nil, err
	}
	authorities := x509.NewCertPool()
	authorities.AddCert(certificate)
	library = &tls.Config{RootCAs: authorities, ServerName: name, MinVersion: tls.VersionTLS13}
	return library, &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{content}, PrivateKey: key}}, MinVersion: tls.VersionTLS13,
		// The pipe has no buffer, and the library does not read while it logs in.
		SessionTicketsDisabled: true,
	}, nil
}
