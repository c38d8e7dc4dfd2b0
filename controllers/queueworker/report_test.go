// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/queueworker/plan"
	"queueworker.dev/queueworker/controllers/status"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/test/fakeapiserver"
)

const writeStatus = "patch status QueueWorker emails"

func TestTheStatusFollowsThePool(t *testing.T) {
	o := newPool(t)
	for _, step := range []struct {
		what                      string
		do                        func()
		state                     v1alpha1.State
		desired, processes, ready int32
	}{
		{"new", func() {}, v1alpha1.StateStarting, 2, 0, 0},
		{"larger", func() { o.spec(processes(3)) }, v1alpha1.StateStarting, 3, 0, 0},
		{"paused", func() { o.spec(paused(true)) }, v1alpha1.StatePaused, 3, 0, 0},
		{"stopped", func() { o.spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.Paused, spec.Stopped = false, true }) }, v1alpha1.StateStopped, 0, 0, 0},
	} {
		step.do()
		o.settle()
		s := o.worker().Status
		if s.State != step.state || s.Desired != step.desired || s.ObservedGeneration != o.worker().Generation {
			t.Errorf("%s: the status is %s with %d wanted for generation %d; want %s with %d", step.what, s.State, s.Desired, s.ObservedGeneration, step.state, step.desired)
		}
	}
}

// Another client changes the QueueWorker between the operator's read and its write.
func TestAStatusIsNotWrittenOverAnotherVersion(t *testing.T) {
	o := runningPool(t)
	o.spec(processes(4))
	o.cluster.Before(writeStatus, func() {
		o.change(func(w *v1alpha1.QueueWorker) { w.Annotations = map[string]string{"by": "a user"} })
	})
	result, writes := o.pass()
	if count(writes, writeStatus) > 0 || result.RequeueAfter != time.Second {
		t.Errorf("it looks again after %s, the writes are %q", result.RequeueAfter, writes)
	}
	o.settle()
	if w := o.worker(); w.Status.Desired != 4 || w.Status.ObservedGeneration != w.Generation || w.Annotations["by"] != "a user" {
		t.Errorf("afterwards it is %+v", w)
	}
}

func TestAStatusThatCannotBeWrittenDelaysNothingElse(t *testing.T) {
	o := runningPool(t)
	o.told()
	o.spec(processes(4))
	o.cluster.Fail(writeStatus, errAway)
	if _, err := o.try(); !errors.Is(err, errAway) || !strings.Contains(err.Error(), "write status of QueueWorker emails") {
		t.Errorf("the error is %v, want %v", err, errAway)
	}
	if n := *o.deployment().Spec.Replicas; n != 4 {
		t.Errorf("the Deployment has %d replicas", n)
	}
	if told := o.told(); len(told) > 0 {
		t.Errorf("events of a status that was not written: %q", told)
	}
	o.cluster.Fail(writeStatus, nil)
	o.settle()
	if o.worker().Status.Desired != 4 {
		t.Errorf("the status is %+v", o.worker().Status)
	}
}

func TestEventsAreToldOnce(t *testing.T) {
	o := runningPool(t)
	o.told()
	o.cluster.Fail("apply Deployment emails-worker", errRefuse)
	o.spec(processes(4))
	o.settle()
	told := o.told()
	if n := len(slices.DeleteFunc(slices.Clone(told), func(e string) bool { return !strings.Contains(e, "exceeded quota") })); n != 1 {
		t.Errorf("the refusal is told %d times: %q", n, told)
	}
	o.settle()
	if told := o.told(); len(told) > 0 {
		t.Errorf("without a change it tells %q", told)
	}
}

func TestARequestedRestartIsToldOnce(t *testing.T) {
	o := runningPool(t)
	o.told()
	o.change(func(w *v1alpha1.QueueWorker) {
		w.Annotations = map[string]string{v1alpha1.AnnotationRestartedAt: "now"}
	})
	o.settle()
	told := o.told()
	if n := len(slices.DeleteFunc(slices.Clone(told), func(e string) bool { return !strings.Contains(e, v1alpha1.EventRestartRequested) })); n != 1 {
		t.Errorf("the restart is told %d times: %q", n, told)
	}
}

// The API server refuses a longer note.
func TestALongEventIsCut(t *testing.T) {
	o := newPool(t)
	o.emit(o.worker(), []status.Event{{Type: "Normal", Reason: "Long", Action: "Tell", Note: strings.Repeat("a line\n", 1000)}})
	told := o.told()
	if len(told) != 1 || len(told[0]) > maxNote+len("Normal Long ") || strings.Contains(told[0], "\n") || !strings.Contains(told[0], "a line") {
		t.Errorf("told is %q", told)
	}
}

// An operator that has just started does not replace a status with one that knows less,
// until the agents have had time to answer.
func TestANewOperatorWaitsForTheReportsThatItsPredecessorHad(t *testing.T) {
	o := runningPool(t)
	fakeapiserver.Change(o.cluster, "shop", "emails", func(w *v1alpha1.QueueWorker) {
		w.Status.Accounted = []v1alpha1.AccountedPod{{UID: "uid-emails-1", Name: "emails-1", Reported: true}}
		w.Status.Ready = 2
	})
	o = newOperator(t, o.cluster, o.clock.Now())
	o.spec(processes(4))
	for range 14 {
		result, writes := o.pass()
		if count(writes, writeStatus) > 0 || result.RequeueAfter <= 0 || result.RequeueAfter > hearAgain {
			t.Fatalf("it looks again after %s, the writes are %q", result.RequeueAfter, writes)
		}
		o.clock.SetTime(o.clock.Now().Add(time.Second))
	}
	if n := *o.deployment().Spec.Replicas; n != 4 {
		t.Errorf("meanwhile the Deployment has %d replicas", n)
	}
	o.clock.SetTime(o.clock.Now().Add(time.Second))
	if _, writes := o.pass(); count(writes, writeStatus) != 1 || o.worker().Status.Desired != 4 {
		t.Errorf("after %s the writes are %q", plan.FirstReportTime, writes)
	}
}

// The last counts of a pod are known only until they are settled, so the status has them
// before the collector may forget them.
func TestTheEndOfAPodIsSettledOnceTheStatusHasIt(t *testing.T) {
	o := runningPool(t)
	pod := o.pod("emails-1")
	o.cluster.Remove(pod)
	o.Collector.RecordEnd(emails, telemetry.Ended{UID: pod.UID, Name: pod.Name, Started: true})
	o.cluster.Fail(writeStatus, errAway)
	o.clock.SetTime(o.clock.Now().Add(3 * time.Second))
	if _, err := o.try(); !errors.Is(err, errAway) {
		t.Errorf("the error is %v, want %v", err, errAway)
	}
	if n := len(o.Collector.Snapshot(emails).Ended); n != 1 {
		t.Errorf("%d ends are kept while the status lacks them", n)
	}
	o.cluster.Fail(writeStatus, nil)
	o.settle()
	if n := len(o.Collector.Snapshot(emails).Ended); n != 0 {
		t.Errorf("%d ends are kept for ever", n)
	}
	if n := o.worker().Status.Totals.UnaccountedWorkers; n != 1 {
		t.Errorf("%d workers count as unaccounted, want 1", n)
	}
}
