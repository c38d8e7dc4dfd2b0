// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/gate"
	"queueworker.dev/queueworker/trust"
)

// served describes a probe's servers on ports of the loopback network.
type served struct {
	public, health, operator string // addresses
	pins                     string // the file of pins
	identity                 *trust.Identity
}

// serve starts a probe that knows an operator.
func serve(t *testing.T, p *Prober, failed *Failed) served {
	t.Helper()
	listeners, err := Listen(gate.Addresses{Public: "127.0.0.1:0", Health: "127.0.0.1:0", Operator: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	s := served{
		public: listeners.Public.Addr().String(), health: listeners.Health.Addr().String(), operator: listeners.Operator.Addr().String(),
		pins: filepath.Join(t.TempDir(), protocol.OperatorFile), identity: newIdentity(t),
	}
	s.know(t, s.identity)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serveUntil(ctx, NewServers(p, failed, Identity{PodUID: "uid-1"}, s.pins), listeners) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the servers ended with %v", err)
		}
	})
	return s
}

func newIdentity(t *testing.T) *trust.Identity {
	t.Helper()
	identity, err := trust.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func (s served) know(t *testing.T, identity *trust.Identity) {
	t.Helper()
	if err := os.WriteFile(s.pins, []byte(identity.Pin()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// clientOf returns an HTTP client with or without a key, on a loopback address.
func clientOf(t *testing.T, identity *trust.Identity, from string) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext}
	if identity != nil {
		transport.TLSClientConfig = identity.ClientConfig()
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}
}

func (s served) askAsOperator(t *testing.T, path, body string) (int, string) {
	t.Helper()
	return post(t, clientOf(t, s.identity, "127.0.0.1"), "https://"+s.operator+path, body)
}

func post(t *testing.T, client *http.Client, url, body string) (int, string) {
	t.Helper()
	return postFor(t, client, "uid-1", url, body)
}

// postFor sends a request that names a pod by uid; an empty uid leaves the header out.
func postFor(t *testing.T, client *http.Client, uid, url, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if uid != "" {
		request.Header.Set(protocol.PodUIDHeader, uid)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(answer)
}

// TestOnlyTheOperatorIsAnswered checks that the probe refuses a client without a key, with
// another key and with a replaced key, and asks neither the backend nor the database for it.
func TestOnlyTheOperatorIsAnswered(t *testing.T) {
	driver, lister := &fakeDriver{}, &fakeLister{list: protocol.FailedList{Jobs: []protocol.FailedJob{{ID: "7"}}}}
	at := serve(t, New(driver, nil, quietly), NewFailed(lister, nil))
	successor := newIdentity(t)
	operator, next := clientOf(t, at.identity, "127.0.0.1"), clientOf(t, successor, "127.0.0.2")
	stranger, plain := clientOf(t, newIdentity(t), "127.0.0.3"), clientOf(t, nil, "127.0.0.4")
	expect := func(what string, client *http.Client, scheme, address string, want int) {
		t.Helper()
		for path, body := range map[string]string{protocol.BacklogPath: `{"queues":["mail"]}`, protocol.FailedPath: `{"limit":1}`} {
			measured := driver.measured()
			lister.asked = protocol.FailedRequest{}
			code, answer := post(t, client, scheme+address+path, body)
			if code != want {
				t.Errorf("%s: %s answers %d, want %d: %s", what, path, code, want, answer)
			}
			if want != http.StatusOK && (driver.measured() != measured || lister.asked.Limit != 0 || strings.Contains(answer, "uid-1")) {
				t.Errorf("%s: %s was carried out, or says too much: %s", what, path, answer)
			}
		}
	}
	expect("the operator", operator, "https://", at.operator, http.StatusOK)
	expect("another key", stranger, "https://", at.operator, http.StatusUnauthorized)
	expect("without TLS", plain, "http://", at.public, http.StatusUnauthorized)
	at.know(t, successor)
	expect("the key of before, on the connection that it kept", operator, "https://", at.operator, http.StatusUnauthorized)
	expect("the new key", next, "https://", at.operator, http.StatusOK)
	if err := os.Remove(at.pins); err != nil {
		t.Fatal(err)
	}
	expect("before a pin is written", next, "https://", at.operator, http.StatusUnauthorized)
}

// recorder forwards bytes between two ends and keeps them.
type recorder struct {
	net.Listener
	mu             sync.Mutex
	client, server bytes.Buffer
}

func record(t *testing.T, to string) *recorder {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{Listener: listener}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			onward, err := net.Dial("tcp", to)
			if err != nil {
				_ = from.Close()
				continue
			}
			go r.pass(onward, from, &r.client)
			go r.pass(from, onward, &r.server)
		}
	}()
	return r
}

func (r *recorder) pass(to, from net.Conn, kept *bytes.Buffer) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		r.mu.Lock()
		kept.Write(buffer[:n])
		r.mu.Unlock()
		if _, failed := to.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

func (r *recorder) seen() (client, server []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.client.Bytes()), bytes.Clone(r.server.Bytes())
}

// TestWhatIsReadOnTheWireIsWorthNothing records a whole conversation between the operator
// and a probe. The record must hold no name of a queue or a job. Sent again, to the same
// probe or to another probe that knows the same operator, it must get no answer.
func TestWhatIsReadOnTheWireIsWorthNothing(t *testing.T) {
	const canary = "canary-of-a-customer"
	lister := &fakeLister{list: protocol.FailedList{Jobs: []protocol.FailedJob{{ID: "7", Exception: canary + "-exception"}}}}
	driver := &fakeDriver{}
	at := serve(t, New(driver, nil, quietly), NewFailed(lister, nil))
	wire := record(t, at.operator)
	operator := clientOf(t, at.identity, "127.0.0.1")
	for path, body := range map[string]string{
		protocol.BacklogPath: `{"queues":["` + canary + `"]}`, protocol.FailedPath: `{"limit":1,"search":"` + canary + `"}`,
	} {
		code, answer := post(t, operator, "https://"+wire.Addr().String()+path, body)
		if code != http.StatusOK || !strings.Contains(answer, canary) {
			t.Fatalf("%s through the recorder: %d %s", path, code, answer)
		}
	}
	sent, received := wire.seen()
	if len(sent) < 500 || len(received) < 500 {
		t.Fatalf("%d and %d bytes were recorded", len(sent), len(received))
	}
	if bytes.Contains(sent, []byte("canary")) || bytes.Contains(received, []byte("canary")) || bytes.Contains(sent, []byte(protocol.FailedPath)) {
		t.Error("what was asked or answered can be read on the wire")
	}
	other := serve(t, New(driver, nil, quietly), NewFailed(lister, nil))
	other.know(t, at.identity)
	measured := driver.measured()
	lister.asked = protocol.FailedRequest{}
	for name, address := range map[string]string{"to the same probe": at.operator, "to another": other.operator, "in the clear": at.public} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := conn.Write(sent); err != nil {
				t.Logf("the rest was refused: %v", err)
			}
			answer, _ := io.ReadAll(conn)
			if bytes.Contains(answer, []byte("200 OK")) || bytes.Contains(answer, []byte("canary")) || driver.measured() != measured || lister.asked.Limit != 0 {
				t.Errorf("sent again it is answered with %q", answer)
			}
		})
	}
}

// TestHeldConnectionsKeepOutNobody holds 48 connections from each of five addresses to
// every port.
func TestHeldConnectionsKeepOutNobody(t *testing.T) {
	at := serve(t, New(&fakeDriver{}, nil, quietly), NewFailed(nil, nil))
	other := clientOf(t, nil, "127.0.0.2")
	other.Transport.(*http.Transport).DisableKeepAlives = true
	for range 3 {
		for attacker := range 5 {
			for _, address := range []string{at.public, at.health, at.operator} {
				hold(t, address, fmt.Sprintf("127.0.1.%d", attacker+1), 48)
			}
		}
		began := time.Now()
		for _, url := range []string{"http://" + at.health + protocol.ReadyPath, "http://" + at.public + protocol.HealthPath, "http://" + at.public + protocol.MetricsPath} {
			response, err := other.Get(url)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("%s answers %d", url, response.StatusCode)
			}
		}
		if code, answer := at.askAsOperator(t, protocol.BacklogPath, `{"queues":["mail"]}`); code != http.StatusOK {
			t.Errorf("the operator is answered with %d: %s", code, answer)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("four answers took %s", took)
		}
	}
}

// hold opens n connections from an address and leaves them open.
func hold(t *testing.T, address, from string, n int) {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	for i := range n {
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if i%2 == 1 { // a request that never ends
			_, _ = fmt.Fprint(conn, "POST /backlog HTTP/1.1\r\nHost: x\r\nX-Drip: ")
		}
	}
}

// TestScrapesThatAreNotReadKeepOutNobody sends thousands of requests for metrics from one
// address and reads no answer.
func TestScrapesThatAreNotReadKeepOutNobody(t *testing.T) {
	p := New(&fakeDriver{}, nil, quietly)
	at := serve(t, p, NewFailed(nil, nil))
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("queue-%d", i))
	}
	p.Answer(t.Context(), ask(0, names...))
	for range 4 {
		conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.1.1")}}).DialContext(t.Context(), "tcp", at.public)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := io.WriteString(conn, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 1000)); err != nil {
			t.Fatal(err)
		}
	}
	prometheus := clientOf(t, nil, "127.0.0.2")
	prometheus.Transport.(*http.Transport).DisableKeepAlives = true
	for i := range 100 {
		response, err := prometheus.Get("http://" + at.public + protocol.MetricsPath)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || bytes.Count(body, []byte(`state="ready"`)) != len(names) {
			t.Fatalf("scrape %d is answered with %d, %v and %d bytes", i+1, response.StatusCode, err, len(body))
		}
	}
}
