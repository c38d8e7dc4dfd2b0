// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestAClientThatDoesNotReadKeepsOutNobody checks that an answer that is not read keeps
// no place.
func TestAClientThatDoesNotReadKeepsOutNobody(t *testing.T) {
	n := serve(t, Limits{PerAddress: 2, Total: 2}, nil)
	var stalled sync.WaitGroup
	for range 2 {
		conn := n.dial(t, "127.0.0.1")
		stalled.Go(func() { _, _ = fmt.Fprint(conn, "GET /large HTTP/1.1\r\nHost: x\r\n\r\n") })
	}
	stalled.Wait()
	eventually(t, "two answers of 8 MiB", func() bool { return n.made.Load() == 2 })
	eventually(t, "a place", func() bool { return ask(n.dial(t, "127.0.0.2"), "/") == nil })
	if err := ask(n.dial(t, "127.0.0.1"), "/"); err != nil {
		t.Errorf("the address that reads nothing does not get its newest connection: %v", err)
	}
}

// TestASharedAnswerIsMadeOnceASecond covers many clients with different requests.
func TestASharedAnswerIsMadeOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int32
		handler := NewServer(Shared(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/x-test")
			_, _ = fmt.Fprintf(w, "%d of %s%v", made.Add(1), r.URL, r.Header)
		})), time.Minute).Handler
		for second := range 3 {
			var clients sync.WaitGroup
			for client := range 240 {
				clients.Go(func() {
					request := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/metrics?name[]=%d", client), nil)
					request.Header.Set("Accept", fmt.Sprint(client))
					recorder := httptest.NewRecorder()
					handler.ServeHTTP(recorder, request)
					want := fmt.Sprintf("%d of /metricsmap[]", second+1)
					if got := recorder.Body.String(); got != want || recorder.Code != http.StatusOK || recorder.Header().Get("Content-Type") != "text/x-test" {
						t.Errorf("client %d is told %d %v %q, want %q", client, recorder.Code, recorder.Header(), got, want)
					}
				})
			}
			clients.Wait()
			time.Sleep(sharedTime)
		}
		if made.Load() != 3 {
			t.Errorf("%d answers were made in three seconds", made.Load())
		}
	})
}

func TestASharedAnswerKeepsItsStatus(t *testing.T) {
	shared := Shared(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "cannot", http.StatusInternalServerError) }))
	for range 2 {
		recorder := httptest.NewRecorder()
		shared.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
		if recorder.Code != http.StatusInternalServerError || recorder.Body.String() != "cannot\n" {
			t.Errorf("%d %q", recorder.Code, recorder.Body)
		}
	}
}
