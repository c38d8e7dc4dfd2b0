// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// Changes returns the events of a status that replaced another.
func Changes(in Input, after *v1alpha1.QueueWorkerStatus) []Event {
	before := &in.Worker.Status
	var out []Event
	out = append(out, sizeChanges(in, after)...)
	out = append(out, pauseChanges(in, after)...)
	out = append(out, alertChanges(before, after)...)
	if lost := after.Totals.UnaccountedWorkers - before.Totals.UnaccountedWorkers; lost > 0 {
		out = append(out, Event{Type: corev1.EventTypeWarning, Reason: v1alpha1.EventUnaccounted, Action: "Count", Note: fmt.Sprintf(
			"%d pod(s) ended without a final report, so status.totals may lack the jobs of their last seconds", lost)})
	}
	if was, is := standing(before, v1alpha1.ConditionStalled).Reason, standing(after, v1alpha1.ConditionStalled).Reason; is != "" && was != is && is != v1alpha1.ReasonPausedByFailing {
		out = append(out, Event{Type: corev1.EventTypeWarning, Reason: is, Action: "Reconcile", Note: standing(after, v1alpha1.ConditionStalled).Message})
	}
	return append(out, runChanges(in, after)...)
}

// sizeChanges returns the event of another number of wanted processes. The number of a
// run needs no event.
func sizeChanges(in Input, after *v1alpha1.QueueWorkerStatus) []Event {
	if before := &in.Worker.Status; before.ObservedGeneration == 0 || before.Desired == after.Desired || inRuns(in) {
		return nil
	}
	return []Event{resized(in, after)}
}

// pauseChanges returns the events of a requested pause.
func pauseChanges(in Input, after *v1alpha1.QueueWorkerStatus) []Event {
	switch was, is := pauseReason(&in.Worker.Status), pauseReason(after); {
	case was == is:
	case is == v1alpha1.ReasonPaused:
		return []Event{normal(v1alpha1.EventPaused, "Pause", "Paused: every worker has finished its job")}
	case is == v1alpha1.ReasonPausedUntil:
		return []Event{normal(v1alpha1.EventPaused, "Pause", "Paused until %s: every worker has finished its job",
			in.Worker.Spec.PausedUntil.UTC().Format(time.RFC3339))}
	case is == v1alpha1.ReasonNotPaused && was != "":
		return []Event{normal(v1alpha1.EventResumed, "Resume", "Resumed")}
	}
	return nil
}

// resized returns the event of another number of wanted processes.
func resized(in Input, after *v1alpha1.QueueWorkerStatus) Event {
	before := in.Worker.Status.Desired
	switch {
	case in.Cap != nil && in.Cap.Limited && after.Desired > 0:
		return normal(v1alpha1.EventScaled, "Scale", "Scaled from %d to %d process(es): %s", before, after.Desired, in.Cap.Message)
	case in.Scaling != nil && !in.Worker.Spec.Stopped:
		return normal(v1alpha1.EventScaled, "Scale", "Scaled from %d to %s", before, after.Autoscaling.Message)
	case after.Desired == 0:
		return normal(v1alpha1.EventStopped, "Stop", "Stopped a pool of %d process(es)", before)
	}
	return normal(v1alpha1.EventScaled, "Scale", "Scaled from %d to %d process(es)", before, after.Desired)
}

func pauseReason(status *v1alpha1.QueueWorkerStatus) string {
	return standing(status, v1alpha1.ConditionPaused).Reason
}

// freshExit is how recently a process must have ended to cause an event, if its pod's
// agent reports to this operator for the first time. The operator that ran before has
// reported older ends.
const freshExit = time.Minute

// Exits returns the events of processes that ended since the sequence numbers in told,
// by pod, and the numbers that are now reported. Ends by Drained and Paused were asked
// for and cause no event.
func Exits(pods []Pod, told map[types.UID]int64) ([]Event, map[types.UID]int64) {
	var out []Event
	upTo := make(map[types.UID]int64, len(pods))
	for _, pod := range pods {
		last, known := told[pod.UID]
		if known {
			upTo[pod.UID] = last
		}
		if pod.Report == nil {
			continue // until its first report, nothing of the pod is reported
		}
		upTo[pod.UID] = last
		for i := len(pod.Report.RecentExits) - 1; i >= 0; i-- {
			exit := &pod.Report.RecentExits[i]
			upTo[pod.UID] = max(upTo[pod.UID], exit.Sequence)
			if exit.Sequence <= last || !known && exit.AgeSeconds > freshExit.Seconds() {
				continue
			}
			if event, tell := exitEvent(pod, exit); tell {
				out = append(out, event)
			}
		}
	}
	return out, upTo
}

func exitEvent(pod Pod, exit *protocol.Exit) (Event, bool) {
	event := Event{Type: corev1.EventTypeWarning, Reason: string(exit.Reason), Action: "Restart"}
	switch exit.Reason {
	case protocol.ExitDrained, protocol.ExitPaused, protocol.ExitFinished:
		return Event{}, false
	case protocol.ExitMaxJobs, protocol.ExitMaxTime, protocol.ExitRestartRequested:
		event.Type = corev1.EventTypeNormal
	case protocol.ExitMemory, protocol.ExitMaxExceptions, protocol.ExitJobTimeout, protocol.ExitOOMKilled, protocol.ExitGraceExceeded,
		protocol.ExitKilledOnRequest, protocol.ExitKilled, protocol.ExitCrashed, protocol.ExitConfigError, protocol.ExitCommandNotFound:
	}
	event.Note = fmt.Sprintf("Process %s/%d ended: %s", pod.Name, exit.Slot, sentence(exit.Message))
	return event, true
}

// RestartRequested returns the event of a requested restart.
func RestartRequested(processes, spreadSeconds int32) Event {
	note := fmt.Sprintf("Restarting %d process(es), each after its current job", processes)
	if spreadSeconds > 0 {
		note += fmt.Sprintf(", spread over %d s", spreadSeconds)
	}
	return Event{Type: corev1.EventTypeNormal, Reason: v1alpha1.EventRestartRequested, Action: "Restart", Note: note}
}

// Stuck returns the event of a restart of a pod whose worker waits while there is work.
func Stuck(pod string) Event {
	return Event{Type: corev1.EventTypeWarning, Reason: v1alpha1.EventStuck, Action: "Restart", Note: fmt.Sprintf(
		"Restarting the processes of pod %s: one of them takes no job while jobs wait", pod)}
}
