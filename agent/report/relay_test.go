// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"queueworker.dev/queueworker/api/protocol"
)

// relay is a pod that the operator asks, and that passes every byte on to another pod. It
// never closes the connection to that pod.
func relay(t *testing.T, to string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			onward, err := net.Dial("tcp", strings.TrimPrefix(to, "https://"))
			if err != nil {
				_ = from.Close()
				return
			}
			t.Cleanup(func() { _, _ = onward.Close(), from.Close() })
			go func() { _, _ = io.Copy(from, onward) }()
			go func() { _, _ = io.Copy(onward, from) }()
		}
	}()
	return "https://" + listener.Addr().String()
}

// askFor requests the status of the pod with a UID from an agent; an empty uid names no
// pod.
func askFor(t *testing.T, client *http.Client, url, uid string) (*http.Response, string) {
	t.Helper()
	return exchange(t, client, http.MethodGet, url+protocol.StatusPath, uid)
}

// TestAnOperatorThatMeansAnotherPodIsAStranger lets the operator's proof reach the agent
// through a pod that the operator does ask. The agent answers as for any client and keeps
// no connection for it, and the operator's own connection gets a trusted place
// afterwards.
func TestAnOperatorThatMeansAnotherPodIsAStranger(t *testing.T) {
	state := pod()
	at := serve(t, &state)
	identity := newIdentity(t)
	at.know(t, identity.Pin())
	for range budgets.Operator.Trusted {
		for name, uid := range map[string]string{"another pod": "uid-of-the-relay", "no pod": "", "more than its own": "uid, uid"} {
			response, body := askFor(t, clientOf(t, identity, "127.0.0.1"), relay(t, at.operator), uid)
			var status protocol.Status
			if err := json.Unmarshal([]byte(body), &status); err != nil || response.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d, %v: %s", name, response.StatusCode, err, body)
			}
			for _, detail := range []string{"u1", "Slow", "emails", "PHP Fatal error"} {
				if strings.Contains(body, detail) {
					t.Errorf("%s: %q is told", name, detail)
				}
			}
			if status.Counters.Processed != 2 || !response.Close {
				t.Errorf("%s: the connection is closed: %t; %s", name, response.Close, body)
			}
		}
	}
	response, body := askFor(t, clientOf(t, identity, "127.0.0.1"), at.operator, "uid")
	if !strings.Contains(body, "Slow") || response.Close {
		t.Errorf("the operator's own connection is closed: %t; it is told %s", response.Close, body)
	}
}
