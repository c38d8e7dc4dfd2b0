// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are pipes, so that a test can use a fake clock.
type pipes struct {
	incoming chan net.Conn
	closed   chan struct{}
	once     sync.Once
}

func newPipes() *pipes { return &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.incoming:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{} }

// flood opens a connection and sends requests on it until the connection ends.
func (p *pipes) flood(path string, requests int) net.Conn {
	client, server := net.Pipe()
	p.incoming <- server
	go func() { _, _ = io.Copy(io.Discard, client) }()
	go func() {
		_, _ = io.WriteString(client, strings.Repeat("GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n", requests))
	}()
	return client
}

// TestAConnectionIsAnsweredAtAFairRate counts how many of thousands of requests on kept
// connections are answered in one second.
func TestAConnectionIsAnsweredAtAFairRate(t *testing.T) {
	for name, tc := range map[string]struct {
		path string
		want int32
	}{
		"a stranger":        {"/", 2 * (burst + 20)},
		"a trusted client":  {"/trusted", 2 * 2000},
		"a stranger by TLS": {"/last", 2}, // a stranger's connection is closed after one answer
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var made atomic.Int32
				handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { made.Add(1) })
				server := NewServer(handler, time.Minute)
				if tc.path != "/" {
					server = NewTrustedServer(handler, func(r *http.Request) bool { return r.URL.Path == "/trusted" }, time.Minute)
				}
				port := newPipes()
				go func() { _ = server.Serve(New(port, Limits{PerAddress: 4, Total: 4, Trusted: 2})) }()
				for range 2 {
					defer func(conn net.Conn) { _ = conn.Close() }(port.flood(tc.path, 2000))
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if got := made.Load(); got != tc.want {
					t.Errorf("%d answers were made in a second, want %d", got, tc.want)
				}
				_ = server.Close()
			})
		})
	}
}

// TestANewConnectionDoesNotWait asks like the kubelet, with a new connection for each
// request. A client at the same address floods all its connections.
func TestANewConnectionDoesNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		port := newPipes()
		server := NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "ok") }), time.Minute)
		listener := New(port, Limits{PerAddress: 4, Total: 16})
		go func() { _ = server.Serve(listener) }()
		for range 100 {
			for range 4 {
				port.flood("/", 1000)
			}
			synctest.Wait() // all four have used up their burst
			began := time.Now()
			client, accepted := net.Pipe()
			port.incoming <- accepted
			if err := ask(client, "/"); err != nil || time.Since(began) != 0 {
				t.Fatalf("the kubelet waited %s, %v", time.Since(began), err)
			}
			_ = client.Close()
			synctest.Wait()
			if n := len(listener.conns); n > 3 {
				t.Fatalf("%d connections of one address are left, of which one lost its place", n)
			}
		}
		_ = server.Close()
	})
}

// TestARequestThatWaitsEndsWithItsPlace checks that no request waits on after its
// connection has lost its place.
func TestARequestThatWaitsEndsWithItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made, open atomic.Int32
		port := newPipes()
		server := NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { made.Add(1) }), time.Minute)
		server.ConnState = func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				open.Add(1)
			case http.StateClosed:
				open.Add(-1)
			case http.StateActive, http.StateIdle, http.StateHijacked:
			}
		}
		go func() { _ = server.Serve(New(port, Limits{PerAddress: 4, Total: 16})) }()
		for range 500 {
			port.flood("/", burst+1)
			synctest.Wait()
		}
		if open.Load() != 4 || made.Load() != 500*burst {
			t.Errorf("%d connections are served, and %d answers were made", open.Load(), made.Load())
		}
		_ = server.Close()
	})
}
