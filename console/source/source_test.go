// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/received"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/test/builders"
)

// proxy is a fake API server that answers for the agents of pods. When the caller asks
// for its own rights, proxy calls answer for the pod "" and does not count the call.
func proxy(t *testing.T, answer func(w http.ResponseWriter, pod string)) (*Source, *atomic.Int32) {
	t.Helper()
	calls := &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/selfsubjectaccessreviews") {
			answer(w, "")
			return
		}
		calls.Add(1)
		rest, ok := strings.CutPrefix(r.URL.Path, "/api/v1/namespaces/shop/pods/http:")
		pod, ok2 := strings.CutSuffix(rest, fmt.Sprintf(":%d/proxy/status", protocol.Port))
		if !ok || !ok2 {
			http.Error(w, r.URL.Path, http.StatusNotFound)
			return
		}
		answer(w, pod)
	}))
	t.Cleanup(server.Close)
	core, err := corev1client.NewForConfig(&rest.Config{Host: server.URL, QPS: -1, BearerToken: "the-callers-token"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	return &Source{Core: core, Now: func() time.Time { return now }}, calls
}

func pods(count int) *view.Snapshot {
	s := &view.Snapshot{}
	for i := range count {
		name := fmt.Sprintf("pod-%d", i)
		s.Pods = append(s.Pods, view.Pod{Namespace: "shop", Name: name, UID: "uid-pod", Phase: corev1.PodRunning})
	}
	return s
}

// TestAgentsAreAsked: every running pod's agent is asked, and a bad answer affects only
// its own row.
func TestAgentsAreAsked(t *testing.T) {
	good := protocol.Status{Version: protocol.Version, PodUID: "uid-pod", Phase: protocol.PhaseRunning}
	s, _ := proxy(t, func(w http.ResponseWriter, pod string) {
		switch pod {
		case "pod-1":
			_, _ = w.Write([]byte("no JSON"))
		case "pod-2":
			_ = json.NewEncoder(w).Encode(protocol.Status{Version: protocol.Version, PodUID: "another"})
		case "pod-3":
			_, _ = w.Write([]byte(`{"agent":"` + strings.Repeat("x", protocol.MaxStatusBytes) + `"}`))
		case "pod-4":
			http.Error(w, "gone", http.StatusServiceUnavailable)
		case "pod-5":
			_ = json.NewEncoder(w).Encode(protocol.Status{Version: protocol.Version + 1, PodUID: "uid-pod"})
		default:
			_ = json.NewEncoder(w).Encode(good)
		}
	})
	snapshot := pods(40)
	snapshot.Pods[6].Phase = corev1.PodPending
	s.ask(t.Context(), snapshot)
	wrong := map[int]string{1: "cannot be read", 2: "another pod", 3: "too long", 4: "unable to handle", 5: "version 2"}
	for i := range snapshot.Pods {
		pod := &snapshot.Pods[i]
		switch reason, bad := wrong[i]; {
		case i == 6:
			if pod.Answer != nil || pod.Silence != "" {
				t.Errorf("a pending pod was asked: %+v", pod)
			}
		case bad:
			if pod.Answer != nil || !strings.Contains(pod.Silence, reason) {
				t.Errorf("%s: answer %v, silence %q, want %q", pod.Name, pod.Answer, pod.Silence, reason)
			}
		case pod.Answer == nil || pod.Silence != "":
			t.Errorf("%s did not answer: %q", pod.Name, pod.Silence)
		}
	}
	if snapshot.AgentsRefused {
		t.Error("the agents are refused")
	}
}

// TestAnAnswerOfTooManyElementsIsRefusedBeforeItIsBuilt: each of 80,000 empty workers
// would take a hundred times its two bytes.
func TestAnAnswerOfTooManyElementsIsRefusedBeforeItIsBuilt(t *testing.T) {
	many := []byte(`{"version":1,"podUID":"uid-pod","workers":[` + strings.Repeat("{},", 80_000) + `{}]}`)
	if len(many) > protocol.MaxStatusBytes {
		t.Fatalf("the document has %d bytes, more than a status may have", len(many))
	}
	allocated := testing.AllocsPerRun(1, func() {
		if _, err := decode(many, "uid-pod"); err == nil || err.Error() != "the answer has more than 4096 elements" {
			t.Errorf("the answer is refused with %v", err)
		}
	})
	if allocated > 10 {
		t.Errorf("%v allocations to refuse an answer", allocated)
	}
	honest, err := json.Marshal(builders.LargestStatus("uid-pod"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode(honest, "uid-pod"); err != nil {
		t.Errorf("the largest honest answer is refused: %v", err)
	}
}

// TestLiveRowsAreCleaned: an agent's answer is cut and cleaned as the operator does it
// before it writes a status; an impossible answer is refused.
func TestLiveRowsAreCleaned(t *testing.T) {
	hostile := builders.LargestStatus("uid-pod")
	hostile.Workers[0].Job.Class = "Send\x1b]52;c;x\x07" + strings.Repeat("c", 10_000)
	hostile.Workers[0].Job.ID = strings.Repeat("\u202e1", 200)
	hostile.Workers[0].LastExit.Message = strings.Repeat("m\n", 1000)
	hostile.Workers[0].MemoryBytes = -5
	want := builders.LargestStatus("uid-pod")
	want.Workers[0].Job.Class = "Send]52;c;x" + strings.Repeat("c", received.MaxClass-len("Send]52;c;x…")) + "…"
	want.Workers[0].Job.ID = strings.Repeat("1", received.MaxJobID-len("…")) + "…"
	want.Workers[0].LastExit.Message = strings.Repeat("m ", 254) + "m…"
	want.Workers[0].MemoryBytes = 0
	impossible := builders.LargestStatus("uid-pod")
	impossible.Workers[0].Processed = -1
	s, _ := proxy(t, func(w http.ResponseWriter, pod string) {
		_ = json.NewEncoder(w).Encode(map[string]*protocol.Status{"pod-0": hostile, "pod-1": impossible}[pod])
	})
	snapshot := pods(2)
	s.ask(t.Context(), snapshot)
	if diff := cmp.Diff(want, snapshot.Pods[0].Answer); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if pod := snapshot.Pods[1]; pod.Answer != nil || !strings.Contains(pod.Silence, "impossible count") {
		t.Errorf("what cannot be true is shown: answer %v, silence %q", pod.Answer, pod.Silence)
	}
}

// TestRefusalIsAskedForOnce: a caller without the right asks one agent, and no other
// agent for a minute.
func TestRefusalIsAskedForOnce(t *testing.T) {
	s, calls := proxy(t, func(w http.ResponseWriter, _ string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"no"}`))
	})
	for range 3 {
		snapshot := pods(30)
		s.ask(t.Context(), snapshot)
		if !snapshot.AgentsRefused {
			t.Error("the agents are not refused")
		}
	}
	if calls.Load() != 1 {
		t.Errorf("%d agents were asked, want 1", calls.Load())
	}
	later := s.Now().Add(refusalHolds)
	s.Now = func() time.Time { return later }
	s.ask(t.Context(), pods(30))
	if calls.Load() != 2 {
		t.Errorf("after a minute, %d agents were asked in all, want 2", calls.Load())
	}
}

// TestOnlyTheAppsAgentsAreAsked: agents of pods that are not shown are not asked, and a
// table of pools needs no pods.
func TestOnlyTheAppsAgentsAreAsked(t *testing.T) {
	var asked []string
	s, calls := proxy(t, func(w http.ResponseWriter, pod string) {
		asked = append(asked, pod)
		_ = json.NewEncoder(w).Encode(protocol.Status{Version: protocol.Version, PodUID: pod, Phase: protocol.PhaseRunning})
	})
	worker := func(pool string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: pool + "-a", UID: types.UID(pool + "-a"), Labels: map[string]string{v1alpha1.LabelName: pool}},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning},
		}
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	s.Reader = fake.NewClientBuilder().WithScheme(scheme).WithObjects(
		builders.QueueWorker("shop", "emails").App("shop").Obj(), worker("emails"),
		builders.QueueWorker("shop", "news").App("blog").Obj(), worker("news"),
	).Build()
	s.Scope = Scope{Namespace: "shop", App: "shop"}
	snapshot, err := s.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(snapshot.Pools) != 1 || len(snapshot.Pods) != 1 || !slices.Equal(asked, []string{"emails-a"}) {
		t.Errorf("%d pools, %d pods, asked %v", len(snapshot.Pools), len(snapshot.Pods), asked)
	}
	s.Scope, s.PoolsOnly = Scope{Namespace: "shop"}, true
	if snapshot, err = s.Read(t.Context()); err != nil || len(snapshot.Pools) != 2 || len(snapshot.Pods) != 0 || calls.Load() != 1 {
		t.Errorf("%d pools, %d pods, asked %d times, %v", len(snapshot.Pools), len(snapshot.Pods), calls.Load(), err)
	}
}
