// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/controlplane"
	"queueworker.dev/queueworker/test/fakes"
)

// requireInMessage fails the test unless the message of a condition contains all words.
func requireInMessage(t *testing.T, worker *v1alpha1.QueueWorker, conditionType string, words ...string) {
	t.Helper()
	for _, word := range words {
		if got := message(worker, conditionType); !strings.Contains(got, word) {
			t.Errorf("%s says %q, want %q in it", conditionType, got, word)
		}
	}
}

func isTrue(conditionType, reason string) func(*v1alpha1.QueueWorker) error {
	return hasCondition(conditionType, metav1.ConditionTrue, reason)
}

func TestFailingJobsPauseAPoolUntilSomebodyResumesIt(t *testing.T) {
	namespace := newNamespace(t)
	options := operatorOptions{namespaces: []string{namespace}}
	first := startOperator(t, options)
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(2).
		MaxExceptions(3).OnFailing(v1alpha1.OnFailingPause).Annotation(v1alpha1.AnnotationResumedAt, "long ago").Obj())
	ready := waitReady(t, namespace, "emails")
	agents := agentsOf(t, namespace, "emails", 2)

	agents[0].Work(0, 3, fakes.Failed)
	paused := waitFor(t, namespace, "emails", "is paused", all(
		isTrue(v1alpha1.ConditionPaused, v1alpha1.ReasonPausedByFailing),
		isTrue(v1alpha1.ConditionWorkersFailing, v1alpha1.ReasonMaxExceptions),
		hasCondition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonPausedByFailing),
		inState(v1alpha1.StatePaused),
	))
	requireInMessage(t, paused, v1alpha1.ConditionPaused, `App\Jobs\Unseen`, "RuntimeException", "kubectl annotate queueworker emails queueworker.dev/resumedAt=")
	requireInMessage(t, paused, v1alpha1.ConditionWorkersFailing, agents[0].Pod+"/0", "3 jobs in a row")
	requireObeyed(t, namespace, "emails", agents)
	for _, reason := range []string{v1alpha1.ConditionWorkersFailing, v1alpha1.EventPausedByFailing} {
		if note := requireEvent(t, namespace, "emails", reason); !strings.Contains(note, `App\Jobs\Unseen`) || !strings.Contains(note, "RuntimeException") {
			t.Errorf("the event %s names no job: %s", reason, note)
		}
	}
	if paused.Generation != ready.Generation {
		t.Error("the operator has written the spec")
	}

	// The pause survives the operator, and the next operator does not write it again.
	first.stop()
	from := mark(t)
	second := startOperator(t, options)
	waitReconciled(t, second, 1)
	reconcileAll(t, namespace)
	requireNoWrites(t, slices.DeleteFunc(writesBetween(t, second, from, mark(t)), func(r controlplane.Request) bool {
		// Rates start again, and the next operator reports the exits of the last minute
		// again.
		return r.ObjectRef.Resource == "events" || r.ObjectRef.Subresource == "status" &&
			!strings.Contains(string(r.RequestObject), "conditions") && !strings.Contains(string(r.RequestObject), "onFailing")
	}))
	if !poolControl(t, namespace, "emails").Paused {
		t.Fatal("the pool is no longer paused")
	}

	resume := func(token string) {
		changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) {
			w.Annotations[v1alpha1.AnnotationResumedAt] = token
		})
	}
	resume("now")
	waitFor(t, namespace, "emails", "is resumed", all(isReady, lacksCondition(v1alpha1.ConditionWorkersFailing)))
	requireObeyed(t, namespace, "emails", agents)
	requireEvent(t, namespace, "emails", v1alpha1.EventResumed)
	requireEvent(t, namespace, "emails", v1alpha1.EventRecovered)
	<-time.After(2 * time.Second) // enough time for many reports of the same failures
	reconcileAll(t, namespace)
	if worker := waitReady(t, namespace, "emails"); worker.Status.OnFailing == nil || worker.Status.OnFailing.Paused {
		t.Errorf("the failures of before have paused it again: %+v", worker.Status.OnFailing)
	}

	agents[1].Work(0, 3, fakes.Failed)
	waitFor(t, namespace, "emails", "is paused by new failures", isTrue(v1alpha1.ConditionPaused, v1alpha1.ReasonPausedByFailing))
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.OnFailing = v1alpha1.OnFailingContinue })
	waitFor(t, namespace, "emails", "is resumed with onFailing: Continue", isReady)
}

// TestAlertsComeWithNumbersAndGo: a pool that fails is paused only if its spec says so.
func TestAlertsComeWithNumbersAndGo(t *testing.T) {
	namespace := newNamespace(t)
	clock := &offsetClock{}
	startOperator(t, operatorOptions{namespaces: []string{namespace}, clock: clock})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").
		Alerts(func(a *v1alpha1.Alerts) { a.MemoryFor = &metav1.Duration{Duration: time.Second} }).Obj())
	waitReady(t, namespace, "emails")
	agent := agentsOf(t, namespace, "emails", 1)[0]
	use := func(mebibytes int64) {
		agent.Update(func(s *protocol.Status) { s.Workers[0].MemoryBytes = mebibytes << 20 })
	}

	use(115)
	high := waitFor(t, namespace, "emails", "uses too much memory", isTrue(v1alpha1.ConditionMemoryHigh, v1alpha1.ReasonAboveThreshold))
	requireInMessage(t, high, v1alpha1.ConditionMemoryHigh, agent.Pod+"/0 with 115Mi", "128Mi")
	use(50)

	agent.Start(0, `App\Jobs\Report`)
	agent.Update(func(s *protocol.Status) { s.Workers[0].Job.AgeSeconds = 50 })
	slow := waitFor(t, namespace, "emails", "has a slow job", isTrue(v1alpha1.ConditionSlowJobs, v1alpha1.ReasonNearTimeout))
	requireInMessage(t, slow, v1alpha1.ConditionSlowJobs, `App\Jobs\Report on `+agent.Pod, "48s of 1m0s")
	agent.Finish(0, fakes.Processed)

	agent.Work(0, 12, fakes.Failed)
	failing := waitFor(t, namespace, "emails", "has many failures", isTrue(v1alpha1.ConditionFailuresHigh, v1alpha1.ReasonAboveThreshold))
	requireInMessage(t, failing, v1alpha1.ConditionFailuresHigh, "12 of the 13 jobs", `App\Jobs\Unseen`, "RuntimeException")

	for i := range 3 {
		agent.Exit(0, protocol.ExitCrashed, fmt.Sprintf("It failed with exit code %d.", 250+i))
	}
	crashing := waitFor(t, namespace, "emails", "crashes", isTrue(v1alpha1.ConditionWorkersFailing, v1alpha1.ReasonCrashes))
	requireInMessage(t, crashing, v1alpha1.ConditionWorkersFailing, "3 process(es) crashed", "exit code 252")
	agent.Recover()
	if crashing.Status.OnFailing != nil {
		t.Errorf("a pool that shall continue was paused: %+v", crashing.Status.OnFailing)
	}

	clock.forward(6 * time.Minute)
	reconcileAll(t, namespace)
	conditions := []string{
		v1alpha1.ConditionMemoryHigh, v1alpha1.ConditionSlowJobs, v1alpha1.ConditionFailuresHigh, v1alpha1.ConditionWorkersFailing,
	}
	for _, conditionType := range conditions {
		waitFor(t, namespace, "emails", "is past "+conditionType, lacksCondition(conditionType))
		requireEvent(t, namespace, "emails", conditionType)
	}
	requireEvent(t, namespace, "emails", v1alpha1.EventRecovered)
}
