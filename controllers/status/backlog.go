// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"cmp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// probeStartTime is how long a backlog probe may take for its first answer before it
// counts as failing.
const probeStartTime = 30 * time.Second

// backlogStatus returns status.backlog; nil if nothing was ever measured.
func backlogStatus(b Backlog, before *v1alpha1.BacklogStatus) *v1alpha1.BacklogStatus {
	if !b.Measured {
		return nil
	}
	if b.MeasuredAt.IsZero() {
		// The measurement of an earlier operator is still the last known one.
		return before
	}
	out := &v1alpha1.BacklogStatus{}
	for i, depth := range b.Queues {
		queue := queueBacklog(depth, b.MeasuredAt, before, i)
		out.Queues = append(out.Queues, queue)
		out.Ready += queue.Ready
		out.Delayed += queue.Delayed
		out.Reserved += queue.Reserved
		if queue.Failed != nil {
			out.Failed = new(valueOr(out.Failed, 0) + *queue.Failed)
		}
		out.OldestTime = earlier(out.OldestTime, queue.OldestTime)
		if due := depth.NextDueSeconds; due != nil {
			out.NextDueTime = earlier(out.NextDueTime, new(metav1.NewTime(b.MeasuredAt.Add(protocol.Duration(*due)).Truncate(time.Second))))
		}
	}
	if len(out.Queues) == 1 {
		out.Queues = nil
	}
	return out
}

// earlier returns the earlier of two times; nil means no time.
func earlier(a, b *metav1.Time) *metav1.Time {
	if a == nil || b != nil && b.Before(a) {
		return b
	}
	return a
}

func queueBacklog(depth protocol.QueueDepth, measured time.Time, before *v1alpha1.BacklogStatus, i int) v1alpha1.QueueBacklog {
	out := v1alpha1.QueueBacklog{
		Queue: depth.Queue, Ready: depth.Ready, Delayed: depth.Delayed, Reserved: depth.Reserved, Failed: depth.Failed,
	}
	if depth.OldestSeconds != nil && depth.Ready > 0 {
		var last *metav1.Time
		if before != nil && i < len(before.Queues) {
			last = before.Queues[i].OldestTime
		} else if before != nil && len(before.Queues) == 0 {
			last = before.OldestTime
		}
		out.OldestTime = instant(measured, *depth.OldestSeconds, last)
	}
	return out
}

// backlogCondition says whether the backlog is known. There is no condition if nothing
// measures the backlog and nothing needs it.
func backlogCondition(in Input) (conditionState, bool) {
	b := in.Backlog
	out := conditionState{conditionType: v1alpha1.ConditionBacklogKnown, is: metav1.ConditionFalse}
	switch {
	case !b.Measured && in.Worker.Spec.Autoscaling == nil:
		return conditionState{}, false
	case in.AppName == "":
		out.reason, out.message = v1alpha1.ReasonAppNotFound, "There is no QueueApp that says where the queues are; see the condition Ready."
	case !b.Measured:
		out.reason = v1alpha1.ReasonNoDriver
		out.message = "The backlog is not measured, because spec.connection.driver of the QueueApp is None or not set. Set it to the kind of backend that holds the queues."
	case b.failing(in.Now):
		out.reason, out.message = string(b.Reason), sentence(b.Message)
		if !b.MeasuredAt.IsZero() {
			out.message += " status.backlog shows the last measurement, which the operator no longer uses."
		}
	case b.MeasuredAt.IsZero():
		out.is, out.reason, out.message = metav1.ConditionUnknown, v1alpha1.ReasonProgressing, "The backlog probe is starting."
		if b.Message != "" {
			out.message = sentence(b.Message)
		}
	default:
		out.is, out.reason, out.message = metav1.ConditionTrue, v1alpha1.ReasonMeasured, "The backlog is measured every few seconds: "+sentence(cmp.Or(b.Backend, "the application's queue backend"))
	}
	return out, true
}

// failing reports whether the trouble counts as a failure of the probe: the probe has
// measured before, has had its time to start, or says what is wrong.
func (b Backlog) failing(now time.Time) bool {
	if b.Reason == "" {
		return false
	}
	return !b.MeasuredAt.IsZero() || b.Reason != protocol.BacklogUnreachable || now.Sub(b.FailingSince) >= probeStartTime
}

// backlogRecheck returns the time after which a probe without an answer counts as
// failing; zero if it already does, or answers.
func backlogRecheck(in Input) time.Duration {
	if b := in.Backlog; b.MeasuredAt.IsZero() && b.Reason == protocol.BacklogUnreachable {
		return max(0, b.FailingSince.Add(probeStartTime).Sub(in.Now))
	}
	return 0
}

// ProbeProblem says why a backlog probe does not run; empty if it runs or may yet run.
func ProbeProblem(pods []Pod) string {
	for _, pod := range pods {
		if pod.leaving() || pod.running() {
			continue
		}
		if found := startProblem(pod); found != nil {
			return "The backlog probe does not run: " + found.message
		}
	}
	return ""
}

func valueOr(n *int64, otherwise int64) int64 {
	if n == nil {
		return otherwise
	}
	return *n
}
