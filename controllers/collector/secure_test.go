// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/trust"
)

func newIdentity(t testing.TB) *trust.Identity {
	t.Helper()
	identity, err := trust.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

// secured is a server by TLS that answers the operator whose pin is in a file, and others
// with 401.
func secured(t testing.TB, handler http.HandlerFunc) (address, pins string) {
	t.Helper()
	pins = filepath.Join(t.TempDir(), "pins")
	known := trust.ByOperator(pins)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !known(r) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handler(w, r)
	}))
	var err error
	if server.TLS, err = trust.ServerConfig(); err != nil {
		t.Fatal(err)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), pins
}

func know(t testing.TB, pins string, identity *trust.Identity) {
	t.Helper()
	if err := os.WriteFile(pins, []byte(identity.Pin()), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAPullProvesWhoAsks(t *testing.T) {
	address, pins := secured(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, encode(t, builders.LargestStatus("uid"))) })
	identity := newIdentity(t)
	know(t, pins, identity)
	for name, tc := range map[string]struct {
		identity *trust.Identity
		secure   bool
		failure  string
	}{
		"the operator":               {identity, true, ""},
		"another":                    {newIdentity(t), true, "HTTP status 401"},
		"in the clear, as of before": {identity, false, "HTTP status 400"},
	} {
		transport := newTransport(5*time.Second, tc.identity)
		p := &puller{transport: transport, timeout: 5 * time.Second}
		status, failure := p.pull(t.Context(), question{uid: "uid", address: address, secure: tc.secure})
		transport.CloseIdleConnections()
		if (status != nil) != (tc.failure == "") || !strings.Contains(failure, tc.failure) {
			t.Errorf("%s: %v, %q", name, status, failure)
		}
	}
	plain := serve(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, encode(t, idle("uid"))) })
	p := &puller{transport: newTransport(5*time.Second, identity), timeout: 5 * time.Second}
	if status, _ := p.pull(t.Context(), question{uid: "uid", address: plain, secure: true}); status != nil {
		t.Error("what answers in the clear is taken where the pod's spec says TLS")
	}
}

// TestAServerWithManyCertificatesIsNotKept: what a pod shows in its handshake costs the
// operator no memory afterwards. A thousand tiny certificates, parsed, were 3.7 MB for as
// long as the connection was open.
func TestAServerWithManyCertificatesIsNotKept(t *testing.T) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	chain := tls.Certificate{PrivateKey: key}
	for i := range 1000 {
		template := &x509.Certificate{SerialNumber: big.NewInt(int64(1_000_000 + i)), NotAfter: time.Unix(1<<31, 0)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
		if err != nil {
			t.Fatal(err)
		}
		chain.Certificate = append(chain.Certificate, der)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, encode(t, idle("uid"))) }))
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert, Certificates: []tls.Certificate{chain}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	transport := newTransport(5*time.Second, newIdentity(t))
	defer transport.CloseIdleConnections()
	p := &puller{transport: transport, timeout: 5 * time.Second}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	status, failure := p.pull(t.Context(), question{uid: "uid", address: server.Listener.Addr().String(), secure: true})
	runtime.ReadMemStats(&after)
	if status != nil || !strings.Contains(failure, "TLS handshake is longer than 8 KiB") {
		t.Errorf("%v, %q", status, failure)
	}
	// The server's end is counted too.
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 2<<20 {
		t.Errorf("%d bytes were allocated", allocated)
	}
}

// TestAProbeIsWaitedForThatDoesNotKnowTheKeyYet: it is asked again soon, and what was known
// of the backlog stays.
func TestAProbeIsWaitedForThatDoesNotKnowTheKeyYet(t *testing.T) {
	var answered atomic.Int32
	address, pins := secured(t, func(w http.ResponseWriter, r *http.Request) {
		answered.Add(1)
		var request protocol.BacklogRequest
		_ = json.NewDecoder(r.Body).Decode(&request)
		answer := protocol.Backlog{Version: protocol.Version, PodUID: "probe-uid"}
		for _, queue := range request.Queues {
			answer.Queues = append(answer.Queues, protocol.QueueDepth{Queue: queue, Ready: 7})
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	identity := newIdentity(t)
	b := NewBacklogs(BacklogOptions{Interval: time.Hour, Identity: identity})
	go func() { _ = b.Start(t.Context()) }()
	b.Track(theApp, Probe{UID: "probe-uid", Address: address, Secure: true})
	use := BacklogUse{App: theApp, Queues: []string{"q"}}
	b.Use(emails, use)
	time.AfterFunc(time.Second, func() { know(t, pins, identity) })
	deadline := time.Now().Add(10 * time.Second)
	for {
		report, _ := b.Use(emails, use)
		if report.Reason != "" {
			t.Fatalf("a probe that is about to learn the key is trouble: %s", report.Message)
		}
		if len(report.Queues) == 1 && report.Queues[0].Ready == 7 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the backlog is %+v after 10 s; %d answers", report, answered.Load())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestAProbeThatNeverLearnsTheKeyIsTrouble(t *testing.T) {
	address, _ := secured(t, func(http.ResponseWriter, *http.Request) {})
	b := NewBacklogs(BacklogOptions{Identity: newIdentity(t)})
	p := &probe{kick: make(chan struct{}, 1)}
	where := Probe{Address: address, Secure: true}
	for i := range maxRefusals + 1 {
		answer := b.asker.askAll(t.Context(), where, protocol.BacklogRequest{Queues: []string{"q"}})
		if refused := b.refused(p, answer); refused != (i < maxRefusals) || !strings.Contains(answer.Message, "queueworker.dev/operator") {
			t.Fatalf("question %d: waited for: %t; %s", i+1, refused, answer.Message)
		}
	}
}

// BenchmarkSecurePull measures a pull by TLS on a connection that is kept and with a
// handshake. Client and server share the time.
func BenchmarkSecurePull(b *testing.B) {
	identity := newIdentity(b)
	address, pins := secured(b, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, encode(b, idle("uid"))) })
	know(b, pins, identity)
	plain := serve(b, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, encode(b, idle("uid"))) })
	for _, kind := range []struct {
		name         string
		secure, once bool
	}{{"clear/kept", false, false}, {"clear/once", false, true}, {"tls/kept", true, false}, {"tls/once", true, true}} {
		b.Run(kind.name, func(b *testing.B) {
			transport := newTransport(5*time.Second, identity)
			defer transport.CloseIdleConnections()
			p := &puller{transport: transport, timeout: 5 * time.Second}
			at := plain
			if kind.secure {
				at = address
			}
			for b.Loop() {
				if _, failure := p.pull(b.Context(), question{uid: "uid", address: at, secure: kind.secure, once: kind.once}); failure != "" {
					b.Fatal(failure)
				}
			}
		})
	}
}
