// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"queueworker.dev/queueworker/api/protocol"
)

// TestAnAnswerIsBoundedWhateverItsCode: a pod sends 64 MiB. The caller closes the
// connection at the bound, so the pod can send no more than the buffers on the way hold.
func TestAnAnswerIsBoundedWhateverItsCode(t *testing.T) {
	const endless, most = 64 << 20, 16 << 20
	chunk := []byte(strings.Repeat("x", 64<<10))
	for _, code := range []int{http.StatusOK, http.StatusFound, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			sent := make(chan int, 32)
			s, calls := proxy(t, func(w http.ResponseWriter, _ string) {
				w.Header().Set("Retry-After", "0")
				w.Header().Set("Content-Type", "text/plain")
				w.WriteHeader(code)
				written := 0
				for written < endless {
					n, err := w.Write(chunk)
					written += n
					if err != nil {
						break
					}
				}
				sent <- written
			})
			answer, err := Ask(t.Context(), s.Core, "shop", "pod-0", "uid-pod")
			if answer != nil || err == nil || len(err.Error()) > 1024 {
				t.Errorf("answer %v, error %v", answer, err)
			}
			if written := <-sent; written > most {
				t.Errorf("the pod sent %d bytes, want at most %d", written, most)
			}
			if calls.Load() != 1 {
				t.Errorf("the pod was asked %d times", calls.Load())
			}
		})
	}
}

// TestARedirectIsNotFollowed: the API server forwards a pod's redirect. A client that
// follows it sends the caller's token to the host that the pod names.
func TestARedirectIsNotFollowed(t *testing.T) {
	var token atomic.Value
	var requests atomic.Int32
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		token.Store(r.Header.Get("Authorization"))
		_ = json.NewEncoder(w).Encode(protocol.Status{Version: protocol.Version, PodUID: "uid-pod", Phase: protocol.PhaseRunning})
	}))
	defer thief.Close()
	for _, code := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect} {
		s, _ := proxy(t, func(w http.ResponseWriter, _ string) {
			w.Header().Set("Location", thief.URL)
			w.WriteHeader(code)
		})
		snapshot := pods(1)
		s.ask(t.Context(), snapshot)
		if pod := snapshot.Pods[0]; pod.Answer != nil || !strings.Contains(pod.Silence, "redirects are not followed") {
			t.Errorf("%d: answer %v, silence %q", code, pod.Answer, pod.Silence)
		}
	}
	if requests.Load() != 0 {
		t.Errorf("%d requests reached the other host, with the header Authorization: %v", requests.Load(), token.Load())
	}
}

// TestAPodDoesNotRefuseForOthers: a pod answers 403 as the API server would. The agents of
// other pods are still asked, and the cluster is asked for the caller's rights once.
func TestAPodDoesNotRefuseForOthers(t *testing.T) {
	var reviews atomic.Int32
	s, calls := proxy(t, func(w http.ResponseWriter, pod string) {
		w.Header().Set("Content-Type", "application/json")
		switch pod {
		case "":
			reviews.Add(1)
			_, _ = w.Write([]byte(`{"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","status":{"allowed":true}}`))
		case "pod-0", "pod-7", "pod-8":
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"no"}`))
		default:
			_ = json.NewEncoder(w).Encode(protocol.Status{Version: protocol.Version, PodUID: "uid-pod", Phase: protocol.PhaseRunning})
		}
	})
	snapshot := pods(30)
	s.ask(t.Context(), snapshot)
	answers := 0
	for i := range snapshot.Pods {
		if snapshot.Pods[i].Answer != nil {
			answers++
		}
	}
	if answers != 27 || calls.Load() != 30 || snapshot.AgentsRefused || reviews.Load() != 1 {
		t.Errorf("%d of 30 agents were asked and %d answers came, want 27; %d reviews, want 1; refused: %t", calls.Load(), answers, reviews.Load(), snapshot.AgentsRefused)
	}
	if _, err := Ask(t.Context(), s.Core, "shop", "pod-0", "uid-pod"); !apierrors.IsForbidden(err) {
		t.Errorf("the refusal is %v", err)
	}
}
