// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backlog

import (
	"net"
	"sync"
	"syscall"
	"time"
)

// A Checker follows the protocol of one connection.
type Checker interface {
	// Received returns how many of the received bytes may be passed on, and an error if
	// it is not all of them.
	Received(data []byte) (int, error)
	// Sent sees the bytes that the client sends.
	Sent(data []byte)
}

// Watch returns a connection that gives up when the server exceeds the guard's budgets or
// sends what the checker refuses. checker may be nil.
func (g *Guard) Watch(conn net.Conn, checker Checker) net.Conn {
	c := &guarded{Conn: conn, guard: g, checker: checker}
	if raw, ok := conn.(syscall.Conn); ok {
		return direct{guarded: c, raw: raw}
	}
	return c
}

// guarded is a connection under a guard.
type guarded struct {
	net.Conn
	guard   *Guard
	checker Checker

	mutex sync.Mutex
	// wanted is the read deadline that the library has set.
	wanted time.Time
	// refused is why the connection was given up.
	refused error
}

// direct is a guarded connection whose socket libraries may look at, to find out whether
// the server has closed it.
type direct struct {
	*guarded
	raw syscall.Conn
}

// SyscallConn implements syscall.Conn.
func (d direct) SyscallConn() (syscall.RawConn, error) { return d.raw.SyscallConn() }

// Read implements net.Conn.
func (c *guarded) Read(b []byte) (int, error) {
	if err := c.arm(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if passed, refused := c.receive(b[:n]); refused != nil {
		return passed, refused
	}
	if err != nil && timedOut(err) {
		c.guard.late()
	}
	return n, err
}

// arm sets the read deadline again, because a new measurement may have begun.
func (c *guarded) arm() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.refused != nil {
		return c.refused
	}
	return c.Conn.SetReadDeadline(c.guard.earliest(c.wanted))
}

func (c *guarded) receive(data []byte) (int, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err := c.guard.received(len(data)); err != nil {
		c.refused = err
		return 0, err
	}
	if c.checker == nil {
		return len(data), nil
	}
	n, err := c.checker.Received(data)
	c.refused = err
	return n, err
}

// Write implements net.Conn.
func (c *guarded) Write(b []byte) (int, error) {
	c.mutex.Lock()
	if c.checker != nil {
		c.checker.Sent(b)
	}
	c.mutex.Unlock()
	return c.Conn.Write(b)
}

// SetDeadline implements net.Conn.
func (c *guarded) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *guarded) SetReadDeadline(t time.Time) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.wanted = t
	return c.Conn.SetReadDeadline(c.guard.earliest(t))
}
