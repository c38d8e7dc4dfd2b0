// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// network is a server behind a Listener. It answers /slow when released, and /large with
// 8 MiB, which it counts once they are made.
type network struct {
	address  string
	listener *Listener
	released chan struct{}
	made     atomic.Int32
}

func serve(t *testing.T, limits Limits, authorize func(*http.Request) bool) *network {
	t.Helper()
	listener, err := Listen("127.0.0.1:0", limits)
	if err != nil {
		t.Fatal(err)
	}
	n := &network{address: listener.Addr().String(), listener: listener, released: make(chan struct{})}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-n.released
		}
		if r.URL.Path == "/large" {
			defer n.made.Add(1)
			_, _ = w.Write(make([]byte, 8<<20))
		}
		_, _ = fmt.Fprint(w, "ok")
	})
	server := NewServer(handler, time.Minute)
	if authorize != nil {
		server = NewTrustedServer(handler, authorize, time.Minute)
	}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return n
}

// dial opens a connection from a loopback address.
func (n *network) dial(t *testing.T, from string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext(t.Context(), "tcp", n.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ask sends a request over a connection and reads the answer.
func ask(conn net.Conn, path string) error {
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// held returns how many connections the listener holds, in total and of one address.
func (n *network) held(of string) (total, own int) {
	n.listener.mu.Lock()
	defer n.listener.mu.Unlock()
	for conn := range n.listener.conns {
		total++
		if of != "" && conn.address.Addr() == netip.MustParseAddr(of) {
			own++
		}
	}
	return total, own
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come about in 10 s", what)
		}
	}
}

func TestAnAddressKeepsItsNewestConnections(t *testing.T) {
	n := serve(t, Limits{PerAddress: 3, Total: 10}, nil)
	var conns []net.Conn
	for i := range 8 {
		conns = append(conns, n.dial(t, "127.0.0.1"))
		eventually(t, "its place", func() bool { _, own := n.held("127.0.0.1"); return own == min(i+1, 3) })
	}
	for i, conn := range conns {
		if err := ask(conn, "/"); (err == nil) != (i >= 5) {
			t.Errorf("connection %d of 8 is answered with %v", i+1, err)
		}
	}
}

func TestAFullListenerTakesFromTheAddressThatHasMost(t *testing.T) {
	n := serve(t, Limits{PerAddress: 4, Total: 6}, nil)
	alone := n.dial(t, "127.0.0.1")
	eventually(t, "a connection", func() bool { total, _ := n.held(""); return total == 1 })
	for i := range 4 {
		n.dial(t, "127.0.0.2")
		eventually(t, "a connection", func() bool { _, own := n.held("127.0.0.2"); return own == i+1 })
	}
	for i := range 4 {
		n.dial(t, fmt.Sprintf("127.0.0.%d", i+3))
		eventually(t, "a connection", func() bool { _, own := n.held(fmt.Sprintf("127.0.0.%d", i+3)); return own == 1 })
	}
	if total, greedy := n.held("127.0.0.2"); total != 6 || greedy != 1 {
		t.Errorf("of %d connections %d are of the greedy address", total, greedy)
	}
	if err := ask(alone, "/"); err != nil {
		t.Errorf("who had one connection, the oldest, has lost it: %v", err)
	}
}

func TestAConnectionIsNotClosedWhileItIsAnswered(t *testing.T) {
	n := serve(t, Limits{PerAddress: 2, Total: 10}, nil)
	answers := make(chan error, 2)
	for range 2 {
		conn := n.dial(t, "127.0.0.1")
		go func() { answers <- ask(conn, "/slow") }()
	}
	eventually(t, "two requests", func() bool {
		n.listener.mu.Lock()
		defer n.listener.mu.Unlock()
		serving := 0
		for conn := range n.listener.conns {
			if conn.serving {
				serving++
			}
		}
		return serving == 2
	})
	if err := ask(n.dial(t, "127.0.0.1"), "/"); err == nil {
		t.Error("a third connection got in")
	}
	if err := ask(n.dial(t, "127.0.0.2"), "/"); err != nil {
		t.Errorf("another address is kept out: %v", err)
	}
	close(n.released)
	for range 2 {
		if err := <-answers; err != nil {
			t.Errorf("an answer broke off: %v", err)
		}
	}
}

// TestTrustedConnectionsAreNobodysPrey checks that a trusted client keeps its connection
// whatever strangers do, and that strangers lose theirs after one answer.
func TestTrustedConnectionsAreNobodysPrey(t *testing.T) {
	n := serve(t, Limits{PerAddress: 2, Total: 4, Trusted: 1}, func(r *http.Request) bool { return r.URL.Path == "/trusted" })
	trusted := n.dial(t, "127.0.0.1")
	if err := ask(trusted, "/trusted"); err != nil {
		t.Fatal(err)
	}
	var strangers sync.WaitGroup
	for i := range 20 {
		strangers.Go(func() { n.dial(t, fmt.Sprintf("127.0.0.%d", i%5+1)) })
	}
	strangers.Wait()
	if err := ask(trusted, "/trusted"); err != nil {
		t.Errorf("the trusted connection is gone: %v", err)
	}
	stranger := n.dial(t, "127.0.0.9")
	if err := ask(stranger, "/"); err != nil {
		t.Fatal(err)
	}
	if err := ask(stranger, "/"); err == nil {
		t.Error("a stranger keeps its connection after an answer")
	}
	second := n.dial(t, "127.0.0.1")
	if err := ask(second, "/trusted"); err != nil {
		t.Fatal(err)
	}
	if err := ask(second, "/trusted"); err == nil {
		t.Error("there are more trusted connections than places")
	}
}

// TestAStrangerSendsLittleBeforeItIsKnown accepts a megabyte only from a trusted client.
func TestAStrangerSendsLittleBeforeItIsKnown(t *testing.T) {
	listener, err := Listen("127.0.0.1:0", Limits{PerAddress: 4, Total: 4, Trusted: 1})
	if err != nil {
		t.Fatal(err)
	}
	server := NewTrustedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n, err)
	}), func(r *http.Request) bool { return r.URL.Path == "/trusted" }, time.Minute)
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()
	for path, want := range map[string]bool{"/trusted": true, "/": false} {
		body := strings.NewReader(strings.Repeat("x", 1<<20))
		answer := ""
		if response, err := http.Post("http://"+listener.Addr().String()+path, "text/plain", body); err == nil {
			told, _ := io.ReadAll(response.Body)
			_ = response.Body.Close()
			answer = string(told)
		}
		if whole := answer == "1048576 <nil>"; whole != want {
			t.Errorf("%s is answered with %q", path, answer)
		}
	}
	raw, sent := net.Pipe()
	conn := &Conn{Conn: raw, listener: listener}
	go func() { _, _ = sent.Write(make([]byte, 1<<20)); _ = sent.Close() }()
	if n, err := io.Copy(io.Discard, conn); n != maxUntrusted || !errors.Is(err, errUntrusted) {
		t.Errorf("%d bytes were read of a client before its first request, %v", n, err)
	}
	_ = raw.Close()
}

// TestOptionsOfAllIsARequestLikeOthers checks that OPTIONS * closes a stranger's
// connection too.
func TestOptionsOfAllIsARequestLikeOthers(t *testing.T) {
	n := serve(t, Limits{PerAddress: 2, Total: 2, Trusted: 1}, func(*http.Request) bool { return false })
	conn := n.dial(t, "127.0.0.1")
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := fmt.Fprint(conn, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || string(body) != "ok" || !response.Close {
		t.Errorf("it is answered with %q, %v; the connection is closed: %t", body, err, response.Close)
	}
}

func TestWhoSaysNothingLosesItsConnectionInSeconds(t *testing.T) {
	n := serve(t, Limits{PerAddress: 4, Total: 10}, nil)
	silent, dripping, idle := n.dial(t, "127.0.0.1"), n.dial(t, "127.0.0.1"), n.dial(t, "127.0.0.1")
	if _, err := fmt.Fprint(dripping, "GET / HTTP/1.1\r\nHost:"); err != nil {
		t.Fatal(err)
	}
	if err := ask(idle, "/"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	eventually(t, "an end", func() bool { total, _ := n.held(""); return total == 0 })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	_, _ = silent.Close(), dripping.Close()
}

func TestAddressOf(t *testing.T) {
	for address, want := range map[string]string{
		"10.1.2.3:5":               "10.1.2.3/32",
		"[::ffff:10.1.2.3]:5":      "10.1.2.3/32",
		"[2001:db8:1:2:3:4:5:6]:7": "2001:db8:1:2::/64",
	} {
		at := net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))
		if got := addressOf(at).String(); got != want {
			t.Errorf("%s counts for %s, want %s", address, got, want)
		}
	}
}
