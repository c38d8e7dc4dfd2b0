// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/objects"
)

// batchStatus returns status.batch; nil for a pool that has nothing to do with runs.
func batchStatus(in Input) *v1alpha1.BatchStatus {
	if in.Runs == nil || !effective.IsBatch(&in.Worker.Spec) && in.Runs.Left == 0 {
		return nil
	}
	return in.Runs.Status.DeepCopy()
}

// countRun adds the jobs counted since the last write to the run that did them.
func countRun(before, after *v1alpha1.QueueWorkerStatus) {
	if after.Batch == nil || len(after.Batch.Runs) == 0 {
		return
	}
	run := &after.Batch.Runs[0]
	if before.Batch != nil {
		for i := range after.Batch.Runs {
			if after.Batch.Runs[i].Name == before.Batch.ActiveRun {
				run = &after.Batch.Runs[i]
			}
		}
	}
	run.Processed += after.Totals.Processed - before.Totals.Processed
	run.Failed += after.Totals.Failed - before.Totals.Failed
}

// lastRun returns the newest run; nil if there was none.
func lastRun(status *v1alpha1.BatchStatus) *v1alpha1.Run {
	if status == nil || len(status.Runs) == 0 {
		return nil
	}
	return &status.Runs[0]
}

// restingAfter reports whether the pool has no run now and its last run ended with this
// outcome.
func restingAfter(status *v1alpha1.BatchStatus, outcome v1alpha1.RunOutcome) bool {
	last := lastRun(status)
	return last != nil && status.ActiveRun == "" && last.Outcome == outcome
}

// progressOfRuns says how far a pool that works in runs is.
func progressOfRuns(in Input, c counts) verdict {
	moving := func(format string, args ...any) verdict {
		return verdict{reason: v1alpha1.ReasonProgressing, message: fmt.Sprintf(format, args...)}
	}
	open := in.Runs.Open
	switch {
	case in.Deployment != nil && effective.IsBatch(&in.Worker.Spec) && objects.OwnedBy(in.Deployment, in.Worker):
		return moving("The pods of the mode Continuous finish their jobs and are removed.")
	case open == nil:
		return betweenRuns(in)
	case leavingRun(in):
		return moving("The run %s is being stopped: %d pod(s) finish their jobs before they are removed.", open.Name, c.leaving+c.processes/c.perPod)
	}
	if v, under := changingPause(in, c); under {
		return v
	}
	return progressOfRun(in, c)
}

// leavingRun reports whether the open run is ended before it is over.
func leavingRun(in Input) bool {
	return in.Runs.Open != nil && (in.Runs.Open.Leaving || len(in.Runs.End) > 0)
}

// progressOfRun says how far the open run is.
func progressOfRun(in Input, c counts) verdict {
	open := in.Runs.Open
	switch {
	case in.pausedBy() != "":
		return pausedVerdict(in, fmt.Sprintf("The run %s is paused: its pods stay and take no jobs, ", open.Name))
	case in.Runs.Finish != "" || open.Outcome != "":
		return verdict{ready: true, reason: v1alpha1.ReasonFinishing, message: fmt.Sprintf(
			"The run %s is over: its queues are empty, and its workers end.", open.Name)}
	case c.processes == 0 && len(in.Pods) == 0:
		return verdict{reason: v1alpha1.ReasonProgressing, message: fmt.Sprintf("The run %s has begun and its pods are being created.", open.Name)}
	case c.ready < c.processes:
		return verdict{reason: v1alpha1.ReasonProgressing, message: fmt.Sprintf("The run %s: %d of %d processes are ready.", open.Name, c.ready, c.processes)}
	}
	return verdict{ready: true, reason: v1alpha1.ReasonRunning, message: fmt.Sprintf("The run %s works with %d process(es). %s", open.Name, c.processes, in.Runs.Message)}
}

// pausedVerdict returns the verdict on a paused pool. The cause ends its message.
func pausedVerdict(in Input, message string) verdict {
	v := verdict{reason: in.pausedBy(), message: message + pauseCause(in)}
	v.stalled = v.reason == v1alpha1.ReasonPausedByFailing // this pause was not requested
	v.ready = !v.stalled
	return v
}

// betweenRuns returns the verdict on a pool that has no run now.
func betweenRuns(in Input) verdict {
	status, last := &in.Runs.Status, lastRun(&in.Runs.Status)
	v := verdict{ready: true, reason: v1alpha1.ReasonAwaitingRun, message: "No run has begun yet."}
	switch {
	case in.Runs.Start != "":
		return verdict{reason: v1alpha1.ReasonProgressing, message: fmt.Sprintf("The run %s is being created.", in.Runs.Start)}
	case in.Worker.Spec.Stopped:
		return verdict{ready: true, reason: v1alpha1.ReasonStopped, message: "Stopped, because spec.stopped is true: no run begins."}
	case in.pausedBy() != "":
		return pausedVerdict(in, "No run begins, ")
	case in.Runs.Message != "":
		v.message = in.Runs.Message
	case restingAfter(status, v1alpha1.RunComplete):
		v.reason, v.message = v1alpha1.ReasonRunComplete, ended(last)
	case restingAfter(status, v1alpha1.RunStopped):
		v.reason, v.message = v1alpha1.ReasonRunStopped, ended(last)
	case restingAfter(status, v1alpha1.RunFailed):
		v = verdict{stalled: true, reason: v1alpha1.ReasonRunFailed, message: failedMessage(last)}
	}
	if next := status.NextScheduleTime; next != nil {
		v.message += fmt.Sprintf(" The next run begins at %s.", next.UTC().Format(time.RFC3339))
	}
	return v
}

// ended says that a run has ended and what it has done.
func ended(run *v1alpha1.Run) string {
	how := "ended with its queues empty"
	switch run.Outcome {
	case v1alpha1.RunStopped:
		how = "was stopped before its queues were empty"
	case v1alpha1.RunFailed:
		how = "failed"
	case v1alpha1.RunComplete:
	}
	return fmt.Sprintf("The run %s %s after %s: %d job(s) processed, %d failed.",
		run.Name, how, run.Ended.Sub(run.Started.Time), run.Processed, run.Failed)
}

func failedMessage(run *v1alpha1.Run) string {
	return ended(run) + fmt.Sprintf(" Its pods failed too often; see kubectl describe job %s, fix the cause that it names, and start a run with another value of the annotation %s.",
		run.Name, v1alpha1.AnnotationRunAt)
}

// stateOfRuns sums up a pool that works in runs: Active during a run, whatever its
// workers do at the moment, and Idle between two runs.
func stateOfRuns(in Input, c counts, v verdict) v1alpha1.State {
	switch {
	case leavingRun(in):
		return v1alpha1.StateDraining
	case v.reason == v1alpha1.ReasonPausedByFailing:
		return v1alpha1.StatePaused
	case in.Runs.Open == nil:
		return stateBetweenRuns(in, c, v)
	case v.stalled, c.failing > 0 && c.failing == c.processes:
		return v1alpha1.StateFailing
	case in.pausedBy() != "" && !pausingDone(c):
		return v1alpha1.StateDraining
	case in.pausedBy() != "":
		return v1alpha1.StatePaused
	case c.ready > 0 || in.Runs.Finish != "":
		return v1alpha1.StateActive
	}
	return v1alpha1.StateStarting
}

func stateBetweenRuns(in Input, c counts, v verdict) v1alpha1.State {
	switch {
	case c.leaving > 0:
		return v1alpha1.StateDraining
	case in.Worker.Spec.Stopped:
		return v1alpha1.StateStopped
	case v.stalled:
		return v1alpha1.StateFailing
	case in.pausedBy() != "":
		return v1alpha1.StatePaused
	case in.Runs.Start != "":
		return v1alpha1.StateStarting
	}
	return v1alpha1.StateIdle
}

// runChanges returns the events of the runs if a status replaced another.
func runChanges(in Input, after *v1alpha1.QueueWorkerStatus) []Event {
	if in.Runs == nil || after.Batch == nil {
		return nil
	}
	before := in.Worker.Status.Batch
	if before == nil {
		before = &v1alpha1.BatchStatus{}
	}
	var out []Event
	for i := range after.Batch.Runs {
		run := &after.Batch.Runs[i]
		was := runNamed(before, run.Name)
		switch {
		case run.Ended != nil && (was == nil || was.Ended == nil):
			out = append(out, endedEvent(run))
		case run.Ended == nil && was == nil:
			out = append(out, normal(v1alpha1.EventRunStarted, "Run", "Started the run %s with %d process(es)", run.Name, after.Desired))
		}
	}
	for _, note := range in.Runs.Skipped {
		out = append(out, Event{Type: corev1.EventTypeWarning, Reason: v1alpha1.EventRunSkipped, Action: "Run", Note: note})
	}
	return out
}

func endedEvent(run *v1alpha1.Run) Event {
	event := normal(v1alpha1.EventRunEnded, "Run", "%s", ended(run))
	if run.Outcome == v1alpha1.RunFailed {
		event.Type = corev1.EventTypeWarning
	}
	return event
}

func runNamed(status *v1alpha1.BatchStatus, name string) *v1alpha1.Run {
	for i := range status.Runs {
		if status.Runs[i].Name == name {
			return &status.Runs[i]
		}
	}
	return nil
}

// Finishing returns the event of a run whose workers are told to end.
func Finishing(run string) Event {
	return normal(v1alpha1.EventRunFinishing, "Run", "The queues of the run %s are empty; its workers end", run)
}

// withoutCounts returns the runs without the fields that change with every job.
func withoutCounts(status *v1alpha1.BatchStatus) *v1alpha1.BatchStatus {
	out := status.DeepCopy()
	if out == nil {
		return nil
	}
	for i := range out.Runs {
		out.Runs[i].Processed, out.Runs[i].Failed = 0, 0
	}
	return out
}
