// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/controlplane"
	"queueworker.dev/queueworker/test/fakes"
)

// twoRuns is the result of two runs.
type twoRuns struct {
	Jobs, Pods int
	Totals     v1alpha1.Totals
	Runs       []v1alpha1.Run
}

// runTwice makes a pool of mode Batch do one run at its creation and one run on request.
// The first run does three jobs.
func runTwice(t *testing.T, start func(namespace string)) twoRuns {
	t.Helper()
	namespace := newNamespace(t)
	from := mark(t)
	start(namespace)
	backend := kubelet.Backend(namespace, "shop")
	backend.Set(protocol.QueueDepth{Queue: "default", Ready: 3})
	create(t, builders.QueueApp(namespace, "shop").Driver(v1alpha1.DriverRedis).Obj(), batchWorker(namespace, "nightly", nil))
	runAgents(t, namespace, "nightly", 1)[0].Work(0, 3, fakes.Processed)
	backend.Set(protocol.QueueDepth{Queue: "default"})
	waitFor(t, namespace, "nightly", "is complete", isComplete)
	changeWorker(t, namespace, "nightly", func(w *v1alpha1.QueueWorker) {
		metav1.SetMetaDataAnnotation(&w.ObjectMeta, v1alpha1.AnnotationRunAt, "again")
	})
	worker := waitFor(t, namespace, "nightly", "is complete again", all(isComplete, func(w *v1alpha1.QueueWorker) error {
		return same(2, len(w.Status.Batch.Runs))
	}))
	created, err := cluster.Audit.Between(from, mark(t), func(r controlplane.Request) bool {
		return r.Verb == "create" && r.Resource() == "jobs" && r.ObjectRef.Namespace == namespace && r.ResponseStatus.Code == http.StatusCreated
	})
	if err != nil {
		t.Fatal(err)
	}
	out := twoRuns{Jobs: len(created), Pods: len(podsOf(t, namespace, "nightly")), Totals: worker.Status.Totals}
	for _, run := range worker.Status.Batch.Runs {
		out.Runs = append(out.Runs, v1alpha1.Run{Outcome: run.Outcome, Processed: run.Processed, Failed: run.Failed})
	}
	return out
}

// TestACrashAtAnyWriteStartsNoRunTwice: a crash of the operator at any of its writes
// starts no run twice, ends no run early and loses no count.
func TestACrashAtAnyWriteStartsNoRunTwice(t *testing.T) {
	var l *life
	want := twoRuns{Jobs: 2, Pods: 2, Totals: v1alpha1.Totals{Processed: 3}, Runs: []v1alpha1.Run{
		{Outcome: v1alpha1.RunComplete}, {Outcome: v1alpha1.RunComplete, Processed: 3},
	}}
	if diff := cmp.Diff(want, runTwice(t, func(namespace string) { l = liveThrough(t, namespace, crash{}) })); diff != "" {
		t.Fatalf("undisturbed (-want +got):\n%s", diff)
	}
	writes, stride := l.fuse.count(), 4
	t.Logf("two runs take %d writes", writes)
	if long() {
		stride = 1
	}
	for i := 1; i <= writes; i += stride {
		for _, point := range []crash{{i, false}, {i + stride/2, true}} {
			t.Run(fmt.Sprint(point), func(t *testing.T) {
				t.Parallel()
				if diff := cmp.Diff(want, runTwice(t, func(namespace string) { liveThrough(t, namespace, point) })); diff != "" {
					t.Errorf("the runs differ (-want +got):\n%s", diff)
				}
			})
		}
	}
}
