// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
)

// TestEveryRequestByTLSNamesThePodThatIsMeant: no request is made if the pod's UID is
// unknown, and an older pod is asked as before.
func TestEveryRequestByTLSNamesThePodThatIsMeant(t *testing.T) {
	var asked atomic.Int32
	var meant atomic.Value
	handler := func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		meant.Store(strings.Join(r.Header.Values(protocol.PodUIDHeader), "|"))
		switch r.URL.Path {
		case protocol.StatusPath:
			answerJSON(w, encode(t, idle("uid")))
		case protocol.BacklogPath:
			_, _ = w.Write([]byte(`{"version":1,"podUID":"uid","queues":[{"queue":"q"}]}`))
		case protocol.FailedPath:
			_ = json.NewEncoder(w).Encode(protocol.FailedList{Version: protocol.Version, PodUID: "uid"})
		}
	}
	secure, plain := tlsServer(t, handler), serve(t, handler)
	b := NewBacklogs(BacklogOptions{Identity: newIdentity(t)})
	defer b.asker.close()
	p := &puller{transport: b.asker.transport, timeout: 5 * time.Second}
	for what, ask := range map[string]func(where Probe) string{
		"status": func(where Probe) string {
			_, failure := p.pull(t.Context(), question{uid: where.UID, address: where.Address, secure: where.Secure})
			return failure
		},
		"backlog": func(where Probe) string {
			answer, _ := b.asker.askAll(t.Context(), "ns", where, protocol.BacklogRequest{Queues: []string{"q"}})
			return answer.Message
		},
		"failed jobs": func(where Probe) string {
			_, err := b.ListFailed(t.Context(), FailedQuestion{App: theApp, Where: where, Request: protocol.FailedRequest{Limit: 1}})
			return errorText(err)
		},
	} {
		for name, tc := range map[string]struct {
			where   Probe
			meant   string
			refused bool
		}{
			"by TLS":                  {Probe{UID: "uid", Address: secure, Secure: true}, "uid", false},
			"by TLS, an unknown":      {Probe{UID: types.UID(""), Address: secure, Secure: true}, "", true},
			"in the clear, as before": {Probe{UID: "uid", Address: plain}, "", false},
		} {
			before := asked.Load()
			meant.Store("")
			failure := ask(tc.where)
			if refused := strings.Contains(failure, "was not asked, because the UID of its pod is not known."); refused != tc.refused || failure != "" && !refused {
				t.Errorf("%s %s: %q", what, name, failure)
			}
			if made := asked.Load() > before; made == tc.refused || meant.Load() != tc.meant {
				t.Errorf("%s %s: a request was made: %t, for the pod %q; want %q", what, name, made, meant.Load(), tc.meant)
			}
		}
	}
}
