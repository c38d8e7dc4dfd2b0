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
	"slices"
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

// secured starts a TLS server that answers the operator whose pin is in a file, and
// answers other clients with 401.
func secured(t testing.TB, handler http.HandlerFunc) (address, pins string) {
	t.Helper()
	pins = filepath.Join(t.TempDir(), "pins")
	return tlsServer(t, func(w http.ResponseWriter, r *http.Request) {
		// It plays whichever pod the request means.
		if !trust.ByOperatorFor(pins, protocol.PodUIDHeader, r.Header.Get(protocol.PodUIDHeader))(r) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		handler(w, r)
	}), pins
}

// tlsServer serves TLS as agents and probes do for the operator, and returns its address.
func tlsServer(t testing.TB, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	var err error
	if server.TLS, err = trust.ServerConfig(); err != nil {
		t.Fatal(err)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
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

// TestAServerWithManyCertificatesIsNotKept: a pod's handshake costs the operator no
// memory afterwards. A thousand tiny certificates, parsed, took 3.7 MB for as long as
// the connection was open.
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
	// The allocations of the server's side are counted too.
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 2<<20 {
		t.Errorf("%d bytes were allocated", allocated)
	}
}

// TestAProbeIsWaitedForThatDoesNotKnowTheKeyYet: the probe is asked again soon, and the
// known backlog stays.
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
	where := Probe{UID: "probe-uid", Address: address, Secure: true}
	for i := range maxRefusals + 1 {
		answer, err := b.asker.askAll(t.Context(), "ns", where, protocol.BacklogRequest{Queues: []string{"q"}})
		if refused := b.refused(p, err); refused != (i < maxRefusals) || !strings.Contains(answer.Message, "queueworker.dev/operator") {
			t.Fatalf("question %d: waited for: %t; %s", i+1, refused, answer.Message)
		}
	}
}

// TestAProbeThatRefusesForEverIsAskedAsOftenAsOthers counts which answers make the
// operator ask a probe again before its turn. A probe can give any answer it likes.
func TestAProbeThatRefusesForEverIsAskedAsOftenAsOthers(t *testing.T) {
	const questions = 420
	refusals := slices.Clip(slices.Repeat([]int{http.StatusUnauthorized}, maxRefusals))
	for name, tc := range map[string]struct {
		answers []int // again and again
		most    int
	}{
		"nothing but refusals":       {refusals, maxRefusals},
		"then an error":              {append(refusals, http.StatusInternalServerError), maxRefusals},
		"then what is no answer":     {append(refusals, http.StatusNoContent), maxRefusals},
		"an error between two":       {[]int{http.StatusUnauthorized, http.StatusNotFound}, maxRefusals},
		"then an answer":             {append(refusals, http.StatusOK), maxRefusals + questions/(maxRefusals+1)},
		"an answer between refusals": {[]int{http.StatusOK, http.StatusUnauthorized}, questions / 2},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			where := Probe{UID: "probe-uid", Secure: true, Address: tlsServer(t, func(w http.ResponseWriter, _ *http.Request) {
				code := tc.answers[int(asked.Add(1)-1)%len(tc.answers)]
				w.WriteHeader(code)
				if code == http.StatusOK {
					_, _ = w.Write([]byte(`{"version":1,"podUID":"probe-uid","queues":[{"queue":"q"}]}`))
				}
			})}
			b := NewBacklogs(BacklogOptions{Identity: newIdentity(t)})
			p, early := &probe{kick: make(chan struct{}, 1)}, 0
			for range questions {
				if _, err := b.asker.askAll(t.Context(), "ns", where, protocol.BacklogRequest{Queues: []string{"q"}}); b.refused(p, err) {
					early++
				}
			}
			if asked.Load() != questions || early > tc.most || early < maxRefusals {
				t.Errorf("of %d questions %d had another follow at once, want %d to %d", asked.Load(), early, maxRefusals, tc.most)
			}
		})
	}
}

// TestAProbeThatRefusedLongIsKnownAfterAnInterval: the pause between questions does not
// grow meanwhile, and a new pod of the app has its own early questions.
func TestAProbeThatRefusedLongIsKnownAfterAnInterval(t *testing.T) {
	address := tlsServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	b := NewBacklogs(BacklogOptions{Identity: newIdentity(t)})
	b.Track(theApp, Probe{UID: "first", Address: address, Secure: true})
	b.Use(emails, BacklogUse{App: theApp, Queues: []string{"q"}})
	p := b.probes[theApp]
	for i := range 2 * maxRefusals {
		if asked, regular := b.ask(t.Context(), theApp, p); !asked || !regular {
			t.Fatalf("question %d: asked: %t; the next one follows after the usual pause: %t", i+1, asked, regular)
		}
		if trouble := p.report.Reason != ""; trouble != (i >= maxRefusals) {
			t.Fatalf("question %d: trouble: %t, %s", i+1, trouble, p.report.Message)
		}
	}
	if b.refused(p, ErrKey) {
		t.Error("the probe is asked again at once")
	}
	b.Track(theApp, Probe{UID: "second", Address: address, Secure: true})
	if !b.refused(p, ErrKey) {
		t.Error("a new pod is not waited for")
	}
}

// BenchmarkSecurePull measures a pull over TLS, on a kept connection and with a
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
