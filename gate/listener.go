// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// maxUntrusted bounds what a client that is not trusted may send before a request of its
// own comes to the handler, its TLS handshake included, in bytes.
const maxUntrusted = 32 << 10

var errUntrusted = errors.New("more than 32 KiB came from a client that is not trusted")

// Limits bound the connections of a Listener.
type Limits struct {
	// PerAddress is how many connections one address may have. An IPv6 network of 64
	// bits counts as one address.
	PerAddress int
	// Total is how many connections all addresses may have together.
	Total int
	// Trusted is how many trusted connections there may be besides.
	Trusted int
}

// Listener accepts connections within its limits.
type Listener struct {
	net.Listener
	limits Limits

	mu    sync.Mutex
	conns map[*Conn]struct{}
	turns uint64
}

// Listen opens a TCP port.
func Listen(address string, limits Limits) (*Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return New(listener, limits), nil
}

// New bounds the connections of a listener.
func New(listener net.Listener, limits Limits) *Listener {
	return &Listener{Listener: listener, limits: limits, conns: map[*Conn]struct{}{}}
}

// Conn is one connection of a Listener.
type Conn struct {
	net.Conn
	listener *Listener
	address  netip.Prefix

	// read is how many bytes came since the last request, known whether its client has
	// proven who it is.
	read  atomic.Int64
	known atomic.Bool

	// The listener's lock guards these.
	trusted bool
	serving bool
	// since orders connections by when they began to wait.
	since uint64
}

// Accept returns the next connection that has a place.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		conn := &Conn{Conn: raw, listener: l, address: addressOf(raw.RemoteAddr())}
		victim, admitted := l.admit(conn)
		if victim != nil {
			_ = victim.Conn.Close()
		}
		if admitted {
			return conn, nil
		}
		_ = raw.Close()
	}
}

// admit gives a connection a place, if need be that of a connection which waits. The
// caller closes the victim.
func (l *Listener) admit(conn *Conn) (victim *Conn, admitted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[netip.Prefix]int{}
	total := 0
	for other := range l.conns {
		if !other.trusted {
			counts[other.address]++
			total++
		}
	}
	switch {
	case counts[conn.address] >= l.limits.PerAddress:
		victim = l.longestWaiting(func(other *Conn) bool { return other.address == conn.address })
	case total >= l.limits.Total:
		most := 0
		for other := range l.conns {
			if !other.trusted && !other.serving {
				most = max(most, counts[other.address])
			}
		}
		victim = l.longestWaiting(func(other *Conn) bool { return counts[other.address] == most })
	default:
		l.take(conn)
		return nil, true
	}
	if victim == nil {
		return nil, false
	}
	delete(l.conns, victim)
	l.take(conn)
	return victim, true
}

// take gives a connection its place. The lock is held.
func (l *Listener) take(conn *Conn) {
	l.turns++
	conn.since = l.turns
	l.conns[conn] = struct{}{}
}

// longestWaiting returns the connection that has waited longest among some that are not
// trusted; nil if a request is being answered on each. The lock is held.
func (l *Listener) longestWaiting(among func(*Conn) bool) *Conn {
	var out *Conn
	for conn := range l.conns {
		if !conn.trusted && !conn.serving && among(conn) && (out == nil || conn.since < out.since) {
			out = conn
		}
	}
	return out
}

// Read reads from the client, as long as it has not sent too much.
func (c *Conn) Read(p []byte) (int, error) {
	if c.known.Load() {
		return c.Conn.Read(p)
	}
	left := maxUntrusted - c.read.Load()
	if left <= 0 {
		return 0, errUntrusted
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), left)])
	c.read.Add(int64(n))
	return n, err
}

// Close closes the connection and frees its place.
func (c *Conn) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.conns, c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// serve notes whether a request is being answered.
func (c *Conn) serve(serving bool) {
	c.read.Store(0)
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	c.listener.turns++
	c.serving, c.since = serving, c.listener.turns
}

// trust gives the connection one of the places for trusted peers, and reports whether
// there was one.
func (c *Conn) trust() bool {
	l := c.listener
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.trusted {
		return true
	}
	n := 0
	for other := range l.conns {
		if other.trusted {
			n++
		}
	}
	c.trusted = n < l.limits.Trusted
	return c.trusted
}

// addressOf returns the address that a connection counts for.
func addressOf(from net.Addr) netip.Prefix {
	tcp, ok := from.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	address := tcp.AddrPort().Addr().Unmap().WithZone("")
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
