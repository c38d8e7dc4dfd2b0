// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/batch"
)

// running returns a pool of mode Batch whose run has two pods, each with one idle process.
func running() Input {
	in := pool(2)
	in.Deployment = nil
	in.Worker.Spec.Mode = v1alpha1.ModeBatch
	in.Worker.Status.Batch = &v1alpha1.BatchStatus{ActiveRun: "emails-run-1", Runs: []v1alpha1.Run{
		{Name: "emails-run-1", Started: metav1.NewTime(noon.Add(-time.Hour)), Processed: 5},
	}}
	in.PerPod = 1
	in.Runs = &batch.Output{
		Open: &batch.Run{Name: "emails-run-1", Living: 2}, Left: 1, Message: "It goes on.", Status: *in.Worker.Status.Batch.DeepCopy(),
	}
	return in
}

// rested returns the same pool after the run.
func rested(outcome v1alpha1.RunOutcome) Input {
	in := running()
	in.Pods, in.Processes, in.PerPod = nil, 0, 0
	run := in.Worker.Status.Batch
	run.ActiveRun, run.Runs[0].Ended, run.Runs[0].Outcome = "", new(metav1.NewTime(noon)), outcome
	in.Runs = &batch.Output{Left: 1, Status: *run.DeepCopy()}
	return in
}

func TestStatusOfRuns(t *testing.T) {
	tests := map[string]struct {
		in       Input
		change   func(*Input)
		state    v1alpha1.State
		ready    metav1.ConditionStatus
		reason   string
		message  string
		complete bool
	}{
		"its workers are idle": {in: running(), state: v1alpha1.StateActive, ready: metav1.ConditionTrue, reason: v1alpha1.ReasonRunning, message: "works with 2 process(es). It goes on."},
		"over": {in: running(), change: func(in *Input) { in.Runs.Finish = "emails-run-1" },
			state: v1alpha1.StateActive, ready: metav1.ConditionTrue, reason: v1alpha1.ReasonFinishing, message: "its workers end"},
		"without pods yet": {in: running(), change: func(in *Input) { in.Pods = nil },
			state: v1alpha1.StateStarting, ready: metav1.ConditionFalse, reason: v1alpha1.ReasonProgressing, message: "pods are being created"},
		"a pod is not ready": {in: running(), change: func(in *Input) { in.Pods[0].Status.Conditions = nil },
			state: v1alpha1.StateActive, ready: metav1.ConditionFalse, reason: v1alpha1.ReasonProgressing, message: "1 of 2"},
		"paused": {in: running(), change: func(in *Input) {
			in.Worker.Spec.Paused = true
			for i := range in.Pods {
				in.Pods[i].Report.Phase, in.Pods[i].Report.Workers[0].State = protocol.PhasePaused, protocol.WorkerPaused
			}
		}, state: v1alpha1.StatePaused, ready: metav1.ConditionTrue, reason: v1alpha1.ReasonPaused, message: "is paused"},
		"pausing": {in: running(), change: func(in *Input) { in.Worker.Spec.Paused = true },
			state: v1alpha1.StateDraining, ready: metav1.ConditionFalse, reason: v1alpha1.ReasonPausing, message: "Pausing"},
		"being stopped": {in: running(), change: func(in *Input) { in.Worker.Spec.Stopped, in.Runs.End = true, []string{"emails-run-1"} },
			state: v1alpha1.StateDraining, ready: metav1.ConditionFalse, reason: v1alpha1.ReasonProgressing, message: "is being stopped"},
		"of another mode meanwhile": {in: running(), change: func(in *Input) { in.Worker.Spec.Mode, in.Runs.Open.Leaving = v1alpha1.ModeContinuous, true },
			state: v1alpha1.StateDraining, ready: metav1.ConditionFalse, reason: v1alpha1.ReasonProgressing, message: "is being stopped"},
		"complete": {in: rested(v1alpha1.RunComplete), state: v1alpha1.StateIdle, ready: metav1.ConditionTrue, reason: v1alpha1.ReasonRunComplete,
			message: "after 1h0m0s: 5 job(s) processed, 0 failed.", complete: true},
		"complete, with a schedule": {in: rested(v1alpha1.RunComplete), change: func(in *Input) { in.Runs.Status.NextScheduleTime = new(metav1.NewTime(noon.Add(time.Hour))) },
			state: v1alpha1.StateIdle, ready: metav1.ConditionTrue, reason: v1alpha1.ReasonRunComplete, message: "The next run begins at 2026-11-23T13:00:00Z.", complete: true},
		"ended by hand": {in: rested(v1alpha1.RunStopped), state: v1alpha1.StateIdle, ready: metav1.ConditionTrue, reason: v1alpha1.ReasonRunStopped, message: "before its queues were empty"},
		"failed":        {in: rested(v1alpha1.RunFailed), state: v1alpha1.StateFailing, ready: metav1.ConditionFalse, reason: v1alpha1.ReasonRunFailed, message: "kubectl describe job emails-run-1"},
		"stopped": {in: rested(v1alpha1.RunComplete), change: func(in *Input) { in.Worker.Spec.Stopped = true },
			state: v1alpha1.StateStopped, ready: metav1.ConditionTrue, reason: v1alpha1.ReasonStopped, message: "no run begins", complete: true},
		"paused between runs": {in: rested(v1alpha1.RunComplete), change: func(in *Input) { in.Worker.Spec.Paused = true },
			state: v1alpha1.StatePaused, ready: metav1.ConditionTrue, reason: v1alpha1.ReasonPaused, message: "No run begins", complete: true},
		"due and blocked": {in: rested(v1alpha1.RunComplete), change: func(in *Input) { in.Runs.Message = "No run begins, because spec.processes is 0." },
			state: v1alpha1.StateIdle, ready: metav1.ConditionTrue, reason: v1alpha1.ReasonAwaitingRun, message: "spec.processes is 0", complete: true},
		"being created": {in: rested(v1alpha1.RunComplete), change: func(in *Input) { in.Runs.Start = "emails-run-2" },
			state: v1alpha1.StateStarting, ready: metav1.ConditionFalse, reason: v1alpha1.ReasonProgressing, message: "emails-run-2", complete: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if tc.change != nil {
				tc.change(&tc.in)
			}
			status := Compute(tc.in).Status
			ready := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionReady)
			if status.State != tc.state || ready.Status != tc.ready || ready.Reason != tc.reason || !strings.Contains(ready.Message, tc.message) {
				t.Errorf("state %s, Ready %+v, want %s, %s, %s: %q", status.State, ready, tc.state, tc.ready, tc.reason, tc.message)
			}
			if got := meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionComplete); got != tc.complete {
				t.Errorf("Complete is %t", got)
			}
			failed := tc.reason == v1alpha1.ReasonRunFailed
			if meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionRunFailed) != failed || meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionStalled) != failed {
				t.Errorf("conditions %+v", status.Conditions)
			}
		})
	}
}

// TestAPodOfARunIsCountedOnce follows a pod from its last report past its end to the
// end of its run.
func TestAPodOfARunIsCountedOnce(t *testing.T) {
	in := running()
	in.Pods[0].Report.Counters = protocol.Counters{Processed: 3}
	write := func() v1alpha1.QueueWorkerStatus {
		in.Worker.Status = Compute(in).Status
		again := Compute(in).Status
		if again.Totals != in.Worker.Status.Totals {
			t.Fatalf("computed again the totals are %+v, were %+v", again.Totals, in.Worker.Status.Totals)
		}
		in.Runs.Status = *in.Worker.Status.Batch.DeepCopy()
		return in.Worker.Status
	}
	if s := write(); s.Totals.Processed != 3 || s.Batch.Runs[0].Processed != 8 {
		t.Fatalf("totals %+v, runs %+v", s.Totals, s.Batch.Runs)
	}
	for i := range in.Pods {
		in.Pods[i].Status.Phase = corev1.PodSucceeded
		in.Pods[i].Final = &protocol.Final{Counters: protocol.Counters{Processed: 4, Failed: 1}, Complete: i == 0}
	}
	if s := write(); s.Totals.Processed != 8 || s.Totals.Failed != 2 || len(s.Accounted) != 2 || len(s.Workers) != 0 {
		t.Fatalf("status %+v", s)
	}
	for i := range in.Pods {
		in.Pods[i].Closing = true
	}
	in.Runs.Open, in.Runs.Closed = nil, []string{"emails-run-1"}
	in.Runs.Status.ActiveRun = ""
	in.Runs.Status.Runs[0].Ended, in.Runs.Status.Runs[0].Outcome = new(metav1.NewTime(noon)), v1alpha1.RunComplete
	in.Worker.Status = Compute(in).Status
	if s := in.Worker.Status; s.Totals != (v1alpha1.Totals{Processed: 8, Failed: 2, UnaccountedWorkers: 1}) || len(s.Accounted) != 0 || s.Batch.Runs[0].Processed != 13 {
		t.Fatalf("totals %+v, accounted %+v, runs %+v", s.Totals, s.Accounted, s.Batch.Runs)
	}
}

func TestEventsOfRuns(t *testing.T) {
	reasons := func(in Input) (out []string) {
		after := Compute(in).Status
		for _, event := range Changes(in, &after) {
			out = append(out, event.Reason)
		}
		return out
	}
	in := running()
	in.Worker.Status.Batch, in.Worker.Status.ObservedGeneration = nil, 3
	if got := reasons(in); len(got) != 1 || got[0] != v1alpha1.EventRunStarted {
		t.Errorf("a run was started: %v", got)
	}
	in = running()
	in.Runs.Skipped = []string{"The run of noon is skipped"}
	if got := reasons(in); len(got) != 1 || got[0] != v1alpha1.EventRunSkipped {
		t.Errorf("a run was skipped: %v", got)
	}
	in = rested(v1alpha1.RunComplete)
	in.Worker.Status = running().Worker.Status
	if got := reasons(in); len(got) != 1 || got[0] != v1alpha1.EventRunEnded {
		t.Errorf("a run has ended: %v", got)
	}
	in.Worker.Status = Compute(in).Status
	if got := reasons(in); len(got) != 0 {
		t.Errorf("nothing has happened: %v", got)
	}
}

func TestCountsOfARunAloneWait(t *testing.T) {
	in := running()
	before := Compute(in).Status
	after := *before.DeepCopy()
	after.Batch.Runs[0].Processed++
	after.Totals.Processed++
	if write, wait := Due(&before, &after, noon, Writes{OfJobs: noon}); write || wait != ReportInterval {
		t.Errorf("Due() = %t, %s", write, wait)
	}
	after.Batch.ActiveRun = ""
	if write, _ := Due(&before, &after, noon, Writes{OfJobs: noon}); !write {
		t.Error("the end of a run waits")
	}
}
