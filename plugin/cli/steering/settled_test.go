// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package steering

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakecluster"
)

// podIn returns a pod of the pool emails in a phase.
func podIn(name string, phase corev1.PodPhase) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{v1alpha1.LabelName: "emails"}},
		Status:     corev1.PodStatus{Phase: phase},
	}
}

// TestHistoryIsNotWaitedFor: the pods of ended runs stay, and no command waits for them.
func TestHistoryIsNotWaitedFor(t *testing.T) {
	worker := builders.QueueWorker("shop", "emails").Obj()
	running := podIn("emails-run-2", corev1.PodRunning)
	cluster := fakecluster.New(t, interceptor.Funcs{}, podIn("emails-run-0", corev1.PodSucceeded), podIn("emails-run-1", corev1.PodFailed), running)
	in := intent.Input{Worker: worker}
	if gone, seen, err := Gone(t.Context(), cluster, in); gone || err != nil || !strings.HasPrefix(seen, "1 pod(s)") {
		t.Errorf("gone %t, %q, %v", gone, seen, err)
	}
	if err := cluster.Client.Delete(t.Context(), running); err != nil {
		t.Fatal(err)
	}
	if gone, seen, err := Gone(t.Context(), cluster, in); !gone || err != nil {
		t.Errorf("gone %t, %q, %v", gone, seen, err)
	}
}

// TestNewPodsAreKnownByTheirToken: the caller's clock may differ from the cluster's.
func TestNewPodsAreKnownByTheirToken(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	worker := builders.QueueWorker("shop", "emails").Annotation(v1alpha1.AnnotationRecreatedAt, "second").Obj()
	worker.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue}}
	in := intent.Input{Worker: worker, Now: now, Token: "second"}
	pod := func(name, token string, age time.Duration) *corev1.Pod {
		pod := podIn(name, corev1.PodRunning)
		pod.Annotations = map[string]string{v1alpha1.AnnotationRecreatedAt: token}
		pod.CreationTimestamp = metav1.NewTime(now.Add(-age))
		return pod
	}
	for name, tc := range map[string]struct {
		pods []*corev1.Pod
		want bool
	}{
		"old, and younger than our clock": {pods: []*corev1.Pod{pod("a", "first", -time.Minute), pod("b", "second", 0)}},
		"new, and older than our clock":   {pods: []*corev1.Pod{pod("a", "second", time.Minute)}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := fakecluster.New(t, interceptor.Funcs{})
			for _, pod := range tc.pods {
				if err := cluster.Client.Create(t.Context(), pod); err != nil {
					t.Fatal(err)
				}
			}
			if done, seen, err := Recreated(t.Context(), cluster, in); done != tc.want || err != nil {
				t.Errorf("done %t, %q, %v", done, seen, err)
			}
		})
	}
}

// TestOnlyTheWorkersOwnAnswerEndsAWait: a paused worker is asked for its status. The
// answer of another pod does not count, nor does an answer that no agent would send.
func TestOnlyTheWorkersOwnAnswerEndsAWait(t *testing.T) {
	own := func(change func(*protocol.Status)) string {
		status := protocol.Status{Version: protocol.Version, PodUID: "uid-a", Phase: protocol.PhasePaused}
		change(&status)
		text, err := json.Marshal(status)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for name, tc := range map[string]struct {
		answer string
		done   bool
		seen   string
	}{
		"its own":                 {own(func(*protocol.Status) {}), true, "The worker is paused"},
		"another pod's":           {own(func(s *protocol.Status) { s.PodUID = "uid-b" }), false, "another pod answered"},
		"an impossible count":     {own(func(s *protocol.Status) { s.Counters.Processed = -1 }), false, "impossible count"},
		"too many elements":       {`{"version":1,"podUID":"uid-a","phase":"Paused","workers":[` + strings.Repeat("{},", 10_000) + `{}]}`, false, "more than 4096 elements"},
		"too long":                {own(func(*protocol.Status) {}) + strings.Repeat(" ", protocol.MaxStatusBytes), false, "too long"},
		"a version of the future": {own(func(s *protocol.Status) { s.Version++ }), false, "does not know"},
	} {
		t.Run(name, func(t *testing.T) {
			core, err := corev1client.NewForConfig(&rest.Config{Host: "http://cluster", Transport: fakecluster.Log{Text: tc.answer}})
			if err != nil {
				t.Fatal(err)
			}
			pod := podIn("emails-worker-a", corev1.PodRunning)
			pod.UID = "uid-a"
			in := intent.Input{Worker: builders.QueueWorker("shop", "emails").Obj(), Pod: pod}
			done, seen, err := Paused(t.Context(), &cli.Cluster{Core: core}, in)
			if done != tc.done || err != nil || !strings.Contains(seen, tc.seen) {
				t.Errorf("done %t, %q, %v", done, seen, err)
			}
		})
	}
}

// TestASilentWorkerIsAskedAgain: one question to an agent that never ends its answer
// takes 2 s of the wait, not all of it.
func TestASilentWorkerIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core, err := corev1client.NewForConfig(&rest.Config{Host: "http://cluster", QPS: -1, Transport: fakecluster.Log{Text: `{"version":1`, Lasts: time.Hour}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, seen, err := agentOf(t.Context(), &cli.Cluster{Core: core}, podIn("emails-worker-a", corev1.PodRunning))
		if took := time.Since(began); took != 2*time.Second || err != nil || !strings.Contains(seen, "does not answer") {
			t.Errorf("after %s: %q, %v", took, seen, err)
		}
	})
}
