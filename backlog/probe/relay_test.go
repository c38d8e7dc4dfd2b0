// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"net/http"
	"strings"
	"testing"

	"queueworker.dev/queueworker/api/protocol"
)

// TestAnOperatorThatMeansAnotherPodIsRefused simulates a pod that relays every byte of
// the operator to a probe of another namespace, so that the operator proves its key
// there. The probe must execute nothing and measure nothing. Its answer must always be
// the same, whatever it has found.
func TestAnOperatorThatMeansAnotherPodIsRefused(t *testing.T) {
	driver, lister := &fakeDriver{}, &fakeLister{}
	at := serve(t, New(driver, nil, quietly), NewFailed(lister, nil))
	for name, uid := range map[string]string{"another pod": "uid-of-the-relay", "none": "", "more than its own": "uid-1, uid-1"} {
		t.Run(name, func(t *testing.T) {
			for path, body := range map[string]string{
				protocol.BacklogPath: `{"queues":["chosen-by-another","billing"]}`, protocol.FailedPath: `{"limit":50,"search":"guess"}`,
			} {
				answers := map[string]bool{}
				for hits := range 3 {
					lister.list = protocol.FailedList{}
					for range hits {
						lister.list.Jobs = append(lister.list.Jobs, protocol.FailedJob{ID: "7", Exception: strings.Repeat("x", 300)})
					}
					relay := record(t, at.operator)
					code, answer := postFor(t, clientOf(t, at.identity, "127.0.0.1"), uid, "https://"+relay.Addr().String()+path, body)
					if code != http.StatusUnauthorized {
						t.Errorf("%s answers %d: %s", path, code, answer)
					}
					answers[answer] = true
				}
				if len(answers) != 1 {
					t.Errorf("%s answers differ: %v", path, answers)
				}
			}
		})
	}
	if driver.measured() != 0 || lister.asked.Limit != 0 {
		t.Errorf("the backend was asked %d times, the database for %+v", driver.measured(), lister.asked)
	}
	relay := record(t, at.operator)
	if code, answer := postFor(t, clientOf(t, at.identity, "127.0.0.1"), "uid-1", "https://"+relay.Addr().String()+protocol.BacklogPath, `{"queues":["mail"]}`); code != http.StatusOK || driver.measured() != 1 {
		t.Errorf("the operator that means this pod is answered with %d: %s", code, answer)
	}
}

// TestRelayedConnectionsHoldNoTrustedPlace relays twice as many connections as there are
// trusted places. The operator's own connection must survive.
func TestRelayedConnectionsHoldNoTrustedPlace(t *testing.T) {
	at := serve(t, New(&fakeDriver{}, nil, quietly), NewFailed(nil, nil))
	ask := func(client *http.Client, address, uid string) *http.Response {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+address+protocol.BacklogPath, strings.NewReader(`{"queues":["mail"]}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set(protocol.PodUIDHeader, uid)
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response
	}
	for range 2 * budgets.Operator.Trusted {
		response := ask(clientOf(t, at.identity, "127.0.0.1"), record(t, at.operator).Addr().String(), "uid-of-the-relay")
		if response.StatusCode != http.StatusUnauthorized || !response.Close {
			t.Errorf("a relayed request is answered with %d, and its connection is closed: %t", response.StatusCode, response.Close)
		}
	}
	if response := ask(clientOf(t, at.identity, "127.0.0.1"), at.operator, "uid-1"); response.StatusCode != http.StatusOK || response.Close {
		t.Errorf("the operator is answered with %d, and its connection is closed: %t", response.StatusCode, response.Close)
	}
}
