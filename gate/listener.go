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

// maxUntrusted bounds the bytes that an untrusted client may send before its request
// reaches the handler, including its TLS handshake.
const maxUntrusted = 32 << 10

var errUntrusted = errors.New("more than 32 KiB came from a client that is not trusted")

// Limits bound the connections of a Listener.
type Limits struct {
	// PerAddress is how many connections one address may have. An IPv6 /64 network counts as
	// one address.
	PerAddress int
	// Total is how many connections all addresses may have together.
	Total int
	// Trusted is how many additional connections trusted peers may have.
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

// New returns a Listener that limits the connections of listener.
func New(listener net.Listener, limits Limits) *Listener {
	return &Listener{Listener: listener, limits: limits, conns: map[*Conn]struct{}{}}
}

// Conn is one connection of a Listener.
type Conn struct {
	net.Conn
	listener *Listener
	address  netip.Prefix

	// read counts the bytes since the last request. known is set if the client has proven
	// its identity.
	read  atomic.Int64
	known atomic.Bool

	pace pace
	// gone is closed when the connection loses its place.
	gone  chan struct{}
	leave sync.Once

	// The listener's lock guards these fields.
	trusted bool
	serving bool
	// since orders connections by the start of their wait.
	since uint64
}

// Accept returns the next connection that gets a place.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		conn := &Conn{Conn: raw, listener: l, address: addressOf(raw.RemoteAddr()), gone: make(chan struct{})}
		victim, admitted := l.admit(conn)
		if victim != nil {
			_ = victim.Close()
		}
		if admitted {
			return conn, nil
		}
		_ = raw.Close()
	}
}

// admit gives a connection a place, if necessary the place of a waiting connection. The
// caller must close this victim.
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

// take gives a connection its place. The caller must hold the lock.
func (l *Listener) take(conn *Conn) {
	l.turns++
	conn.since = l.turns
	l.conns[conn] = struct{}{}
}

// longestWaiting returns the untrusted connection that has waited longest among the
// selected connections, or nil if a request is being answered on each. The caller must
// hold the lock.
func (l *Listener) longestWaiting(among func(*Conn) bool) *Conn {
	var out *Conn
	for conn := range l.conns {
		if !conn.trusted && !conn.serving && among(conn) && (out == nil || conn.since < out.since) {
			out = conn
		}
	}
	return out
}

// Read reads from the client. An untrusted client may send maxUntrusted bytes per
// request.
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
	c.leave.Do(func() { close(c.gone) })
	return c.Conn.Close()
}

// serve records whether a request is being answered.
func (c *Conn) serve(serving bool) {
	c.read.Store(0)
	c.listener.mu.Lock()
	defer c.listener.mu.Unlock()
	c.listener.turns++
	c.serving, c.since = serving, c.listener.turns
}

// trust gives the connection one of the places for trusted peers, and reports whether one
// was free.
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

// addressOf returns the address to whose limit a connection counts.
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
