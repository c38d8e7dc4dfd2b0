// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/gate"
	"queueworker.dev/queueworker/trust"
)

// served is an agent's servers on ports of the loopback interface.
type served struct {
	public, health, operator string // URLs
	pins                     string // the file with the pins
}

func serve(t *testing.T, state *supervisor.State) served {
	t.Helper()
	listeners, err := Listen(gate.Addresses{Public: "127.0.0.1:0", Health: "127.0.0.1:0", Operator: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	s := served{
		public: "http://" + listeners.Public.Addr().String(), health: "http://" + listeners.Health.Addr().String(),
		operator: "https://" + listeners.Operator.Addr().String(), pins: filepath.Join(t.TempDir(), protocol.OperatorFile),
	}
	servers := NewServers(Source{
		State: func() *supervisor.State { return state }, Agent: "v1", PodUID: "uid", Namespace: "shop", Name: "emails", App: "shop",
	}, s.pins)
	servers.Serve(listeners, func(err error) {
		if err != http.ErrServerClosed { //nolint:errorlint // it is never wrapped
			t.Errorf("a server ended: %v", err)
		}
	})
	t.Cleanup(func() {
		for _, server := range servers.All() {
			_ = server.Close()
		}
	})
	return s
}

func (s served) know(t *testing.T, pins ...string) {
	t.Helper()
	if err := os.WriteFile(s.pins, []byte(strings.Join(pins, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newIdentity(t *testing.T) *trust.Identity {
	t.Helper()
	identity, err := trust.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

// clientOf is the HTTP client of an operator that connects from a loopback address.
func clientOf(t *testing.T, identity *trust.Identity, from string) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext}
	if identity != nil {
		transport.TLSClientConfig = identity.ClientConfig()
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}
}

func ask(t *testing.T, client *http.Client, method, url string) (int, string) {
	t.Helper()
	response, body := exchange(t, client, method, url, "uid")
	return response.StatusCode, body
}

// exchange sends a request for the pod with a UID; an empty uid names no pod. It returns
// the response and its body.
func exchange(t *testing.T, client *http.Client, method, url, uid string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("body"))
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
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestServersAreReadOnly(t *testing.T) {
	state := pod()
	at := serve(t, &state)
	client := clientOf(t, newIdentity(t), "127.0.0.1")
	tests := map[string]struct {
		method, url string
		want        int
	}{
		"status":                     {"GET", at.public + protocol.StatusPath, 200},
		"status head":                {"HEAD", at.public + protocol.StatusPath, 200},
		"metrics":                    {"GET", at.public + protocol.MetricsPath, 200},
		"health":                     {"GET", at.public + protocol.HealthPath, 200},
		"ready":                      {"GET", at.public + protocol.ReadyPath, 200},
		"health on its port":         {"GET", at.health + protocol.HealthPath, 200},
		"ready on its port":          {"GET", at.health + protocol.ReadyPath, 200},
		"no status beside health":    {"GET", at.health + protocol.StatusPath, 404},
		"the operator's status":      {"GET", at.operator + protocol.StatusPath, 200},
		"no metrics by TLS":          {"GET", at.operator + protocol.MetricsPath, 404},
		"post":                       {"POST", at.public + protocol.StatusPath, 405},
		"post by TLS":                {"POST", at.operator + protocol.StatusPath, 405},
		"delete":                     {"DELETE", at.health + protocol.ReadyPath, 405},
		"put":                        {"PUT", at.public + protocol.MetricsPath, 405},
		"options":                    {"OPTIONS", at.public + protocol.StatusPath, 405},
		"patch beside health":        {"PATCH", at.health + protocol.HealthPath, 405},
		"trace by TLS":               {"TRACE", at.operator + protocol.StatusPath, 405},
		"nothing else":               {"GET", at.public + "/debug/pprof/", 404},
		"nor the root":               {"GET", at.public + "/", 404},
		"nor what is below":          {"GET", at.public + protocol.StatusPath + "/x", 404},
		"nor anything else by TLS":   {"GET", at.operator + "/", 404},
		"nor anything beside health": {"GET", at.health + "/", 404},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if code, _ := ask(t, client, tc.method, tc.url); code != tc.want {
				t.Errorf("%s %s answers %d; want %d", tc.method, tc.url, code, tc.want)
			}
		})
	}
}

// TestOnlyTheOperatorIsToldOfJobs asks with and without the operator's key, on both
// ports, before and after the key is replaced.
func TestOnlyTheOperatorIsToldOfJobs(t *testing.T) {
	state := pod()
	at := serve(t, &state)
	operator, successor := newIdentity(t), newIdentity(t)
	old, next := clientOf(t, operator, "127.0.0.1"), clientOf(t, successor, "127.0.0.2")
	stranger := clientOf(t, newIdentity(t), "127.0.0.3")
	plain := clientOf(t, nil, "127.0.0.4")
	plain.Transport.(*http.Transport).TLSClientConfig = newIdentity(t).ClientConfig()
	plain.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = nil
	expect := func(when string, client *http.Client, url string, told bool) {
		t.Helper()
		code, body := ask(t, client, http.MethodGet, url+protocol.StatusPath)
		var status protocol.Status
		if err := json.Unmarshal([]byte(body), &status); err != nil || code != http.StatusOK {
			t.Fatalf("%s: %d, %v: %s", when, code, err, body)
		}
		for _, detail := range []string{"u1", "Slow", "emails", "PHP Fatal error"} {
			if strings.Contains(body, detail) != told {
				t.Errorf("%s: %q is told: %t, want %t\n%s", when, detail, !told, told, body)
			}
		}
		if status.Counters.Processed != 2 || len(status.Workers) != 4 || status.PodUID != "uid" {
			t.Errorf("%s: counts are missing: %s", when, body)
		}
	}
	expect("before a pin is known", old, at.operator, false)
	at.know(t, operator.Pin())
	expect("the operator", old, at.operator, true)
	expect("another key", stranger, at.operator, false)
	expect("no key", plain, at.operator, false)
	expect("without TLS", plain, at.public, false)
	at.know(t, operator.Pin(), successor.Pin())
	expect("the old one while both are known", old, at.operator, true)
	expect("the new one while both are known", next, at.operator, true)
	at.know(t, successor.Pin())
	expect("the old one afterwards, on the connection that it kept", old, at.operator, false)
	expect("the new one afterwards", next, at.operator, true)
}

// hold opens n connections from an address and lets them wait.
func hold(t *testing.T, url, from string, n int) {
	t.Helper()
	address := url[strings.LastIndex(url, "/")+1:]
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	for i := range n {
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if i%2 == 1 { // a request that never ends
			if _, err := fmt.Fprint(conn, "GET /status HTTP/1.1\r\nHost: x\r\nX-Drip: "); err != nil {
				continue // already closed
			}
		}
	}
}

// TestHeldConnectionsKeepOutNobody lets five addresses hold 48 connections each to every
// port, and open them again while the kubelet, a Prometheus and the operator ask.
func TestHeldConnectionsKeepOutNobody(t *testing.T) {
	state := pod()
	at := serve(t, &state)
	identity := newIdentity(t)
	at.know(t, identity.Pin())
	operator, others := clientOf(t, identity, "127.0.0.1"), clientOf(t, nil, "127.0.0.2")
	others.Transport.(*http.Transport).DisableKeepAlives = true
	for range 3 {
		for attacker := range 5 {
			for _, url := range []string{at.public, at.health, at.operator} {
				hold(t, url, fmt.Sprintf("127.0.1.%d", attacker+1), 48)
			}
		}
		for what, client := range map[string]*http.Client{
			at.health + protocol.ReadyPath: others, at.public + protocol.ReadyPath: others, at.public + protocol.MetricsPath: others,
			at.operator + protocol.StatusPath: operator,
		} {
			began := time.Now()
			if code, _ := ask(t, client, http.MethodGet, what); code != http.StatusOK {
				t.Errorf("%s answers %d", what, code)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("%s took %s", what, took)
			}
		}
	}
}

// TestRequestsThatAreNotReadKeepOutNobody lets an address request metrics and the status
// thousands of times without reading an answer.
func TestRequestsThatAreNotReadKeepOutNobody(t *testing.T) {
	state := pod()
	at := serve(t, &state)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.1.1")}}
	for range 4 {
		conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(at.public, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		go func() {
			_, _ = io.WriteString(conn, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /status HTTP/1.1\r\nHost: x\r\n\r\n", 2000))
		}()
	}
	prometheus := clientOf(t, nil, "127.0.0.2")
	prometheus.Transport.(*http.Transport).DisableKeepAlives = true
	for i := range 100 {
		if code, body := ask(t, prometheus, http.MethodGet, at.public+protocol.MetricsPath); code != http.StatusOK || !strings.Contains(body, metricInfo) {
			t.Fatalf("scrape %d is answered with %d: %s", i+1, code, body)
		}
	}
}

// TestStrangersCostOneStatusATenthOfASecond counts how often the state is read while
// strangers send a thousand requests to both ports.
func TestStrangersCostOneStatusATenthOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state, read := pod(), 0
		servers := NewServers(Source{State: func() *supervisor.State { read++; return &state }, PodUID: "uid"}, "")
		for period := range 3 {
			for i := range 1000 {
				server := servers.All()[2*(i%2)] // the public port or the operator's
				recorder := httptest.NewRecorder()
				server.Handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, protocol.StatusPath, nil))
				if recorder.Code != http.StatusOK || !strings.Contains(recorder.Body.String(), `"podUID":"uid"`) || strings.Contains(recorder.Body.String(), "Slow") {
					t.Fatalf("a stranger is told %d %s", recorder.Code, recorder.Body)
				}
			}
			if read != period+1 {
				t.Fatalf("the state was read %d times in %d periods", read, period+1)
			}
			time.Sleep(publicTime)
		}
	})
}
