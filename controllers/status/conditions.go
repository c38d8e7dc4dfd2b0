// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/objects"
)

// setConditions sets the conditions to the findings.
func setConditions(in Input, c counts, v verdict, status *v1alpha1.QueueWorkerStatus) {
	set := func(conditionType string, is metav1.ConditionStatus, reason, message string) {
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: conditionType, Status: is, Reason: reason, Message: message,
			ObservedGeneration: in.Worker.Generation,
			LastTransitionTime: metav1.NewTime(in.Now),
		})
	}
	onlyWhen := func(conditionType string, present bool, reason, message string) {
		if present {
			restartClock(status, conditionType, reason)
			set(conditionType, metav1.ConditionTrue, reason, message)
		} else {
			meta.RemoveStatusCondition(&status.Conditions, conditionType)
		}
	}

	ready := metav1.ConditionFalse
	if v.ready {
		ready = metav1.ConditionTrue
	}
	set(v1alpha1.ConditionReady, ready, v.reason, v.message)
	onlyWhen(v1alpha1.ConditionReconciling, !v.ready && !v.stalled, v.reason, v.message)
	onlyWhen(v1alpha1.ConditionStalled, v.stalled, v.reason, v.message)
	conflict, reason := conflicting(in)
	onlyWhen(v1alpha1.ConditionConflict, conflict != "", reason, conflict)
	beyond := effective.Problem{}
	if in.NotPermitted != nil {
		beyond = *in.NotPermitted
	}
	onlyWhen(v1alpha1.ConditionNotPermitted, in.NotPermitted != nil, beyond.Reason, beyond.Message)
	onlyWhen(v1alpha1.ConditionWorkersStuck, len(in.Stuck) > 0, v1alpha1.ReasonIdleWithWork, stuckMessage(in))
	for _, conditionType := range AlertTypes {
		alert := alertOf(in, conditionType)
		onlyWhen(conditionType, alert.Type != "", alert.Reason, alert.Message)
	}

	complete, failed := runMessages(status.Batch)
	onlyWhen(v1alpha1.ConditionComplete, complete != "", v1alpha1.ReasonRunComplete, complete)
	onlyWhen(v1alpha1.ConditionRunFailed, failed != "", v1alpha1.ReasonRunFailed, failed)

	for _, judgement := range []conditionState{pausedCondition(in, c), reportingCondition(in), gracefulCondition(in)} {
		set(judgement.conditionType, judgement.is, judgement.reason, judgement.message)
	}
	for conditionType, find := range map[string]func(Input) (conditionState, bool){
		v1alpha1.ConditionBacklogKnown:   backlogCondition,
		v1alpha1.ConditionTimeoutChain:   timeoutCondition,
		v1alpha1.ConditionScalingActive:  scalingCondition,
		v1alpha1.ConditionScalingLimited: limitCondition,
	} {
		if judgement, present := find(in); present {
			set(conditionType, judgement.is, judgement.reason, judgement.message)
		} else {
			meta.RemoveStatusCondition(&status.Conditions, conditionType)
		}
	}
	slices.SortFunc(status.Conditions, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
}

// runMessages says how the last run ended, complete or failed, if no run has begun
// since. The other message is empty.
func runMessages(batch *v1alpha1.BatchStatus) (complete, failed string) {
	switch {
	case restingAfter(batch, v1alpha1.RunComplete):
		return ended(lastRun(batch)), ""
	case restingAfter(batch, v1alpha1.RunFailed):
		return "", failedMessage(lastRun(batch))
	}
	return "", ""
}

// conflicting says which part of the pool another owner or writer has, and returns the
// reason of the condition.
func conflicting(in Input) (message, reason string) {
	switch {
	case in.Conflict != "":
		return in.Conflict, v1alpha1.ReasonForeignObject
	case in.Foreign != "":
		return fmt.Sprintf("%q has changed the replicas of the Deployment %s, and the operator has set them back. Scale the QueueWorker instead: kubectl scale queueworker %s --replicas=N, or an autoscaler whose scaleTargetRef has the kind QueueWorker.",
			in.Foreign, objects.WorkloadName(in.Worker.Name), in.Worker.Name), v1alpha1.ReasonForeignScaler
	}
	return "", ""
}

func stuckMessage(in Input) string {
	if len(in.Stuck) == 0 {
		return ""
	}
	return fmt.Sprintf("%d pod(s), first %s, have a process that takes no job while jobs wait. The operator restarts the processes of each such pod, at most once in 10 minutes. Check what the application does between jobs: maintenance mode, a queue that the application paused, or a connection that no longer answers.",
		len(in.Stuck), in.Stuck[0])
}

// restartClock removes a condition that is true for another reason. So its transition
// time says since when the present reason has been true.
func restartClock(status *v1alpha1.QueueWorkerStatus, conditionType, reason string) {
	if condition := meta.FindStatusCondition(status.Conditions, conditionType); condition != nil && condition.Reason != reason {
		meta.RemoveStatusCondition(&status.Conditions, conditionType)
	}
}

func pausedCondition(in Input, c counts) conditionState {
	out := conditionState{v1alpha1.ConditionPaused, metav1.ConditionFalse, v1alpha1.ReasonNotPaused, "The workers take jobs."}
	switch reason := in.pausedBy(); {
	case reason != "" && pausingDone(c):
		out.is, out.reason, out.message = metav1.ConditionTrue, reason, "No worker takes jobs, "+pauseCause(in)
	case reason != "":
		out.reason, out.message = v1alpha1.ReasonPausing, "The workers finish their current jobs, "+pauseCause(in)
	case c.desired == 0:
		out.message = "The pool has no processes, and is not paused."
	}
	return out
}

func reportingCondition(in Input) conditionState {
	running, silent := 0, []Pod{}
	for _, pod := range in.Pods {
		if pod.leaving() || !pod.running() {
			continue
		}
		running++
		if pod.Unreachable {
			silent = append(silent, pod)
		}
	}
	out := conditionState{conditionType: v1alpha1.ConditionAgentsReporting}
	switch {
	case running == 0:
		out.is, out.reason, out.message = metav1.ConditionUnknown, v1alpha1.ReasonNoPods, "No pod runs that could report."
	case len(silent) > 0:
		out.is, out.reason = metav1.ConditionFalse, v1alpha1.ReasonUnreachable
		out.message = fmt.Sprintf("%d of %d running pods do not answer the operator, first %s: %s Check that network policies let the operator reach port 9799 of the pods (9797 of pods with an older agent).",
			len(silent), running, silent[0].Name, sentence(silent[0].Error))
	default:
		out.is, out.reason, out.message = metav1.ConditionTrue, v1alpha1.ReasonReporting, "Every running pod answers the operator."
	}
	return out
}

func gracefulCondition(in Input) conditionState {
	out := conditionState{conditionType: v1alpha1.ConditionGracefulStop, is: metav1.ConditionFalse}
	for _, pod := range in.Pods {
		if pod.leaving() || pod.Report == nil || pod.Report.Runtime == nil || pod.Report.Runtime.GracefulStop {
			continue
		}
		if pod.Report.Runtime.GracefulStopReason == v1alpha1.ReasonShellWrapper {
			out.reason = v1alpha1.ReasonShellWrapper
			out.message = "The worker runs behind a shell that keeps SIGTERM from it, so its job is killed when its pod is removed. Use the exec form of the command, or put exec in front of the last command."
		} else {
			out.reason = v1alpha1.ReasonNoPcntl
			out.message = "PHP in this image lacks the pcntl extension, so workers cannot stop after their job and timeouts do not work. Add it to the image, for example with docker-php-ext-install pcntl."
		}
		return out
	}
	for _, reason := range []string{v1alpha1.ReasonGraceBelowTimeout, v1alpha1.ReasonNoTimeout} {
		if found := finding(in, reason); found != nil {
			out.reason, out.message = found.Reason, found.Message
			return out
		}
	}
	out.is, out.reason, out.message = metav1.ConditionTrue, v1alpha1.ReasonGraceful, "A worker that is stopped finishes its job first."
	return out
}
