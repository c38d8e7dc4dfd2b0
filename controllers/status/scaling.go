// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/scaling"
	"queueworker.dev/queueworker/controllers/throughput"
)

// maxDecisions bounds status.autoscaling.decisions.
const maxDecisions = 20

// autoscalingStatus returns status.autoscaling; nil without autoscaling.
func autoscalingStatus(in Input) *v1alpha1.AutoscalingStatus {
	d := in.Scaling
	if d == nil {
		return nil
	}
	out := &v1alpha1.AutoscalingStatus{
		Desired:     in.Processes,
		Reason:      string(d.Reason),
		Message:     d.Message,
		LimitedBy:   string(d.LimitedBy),
		ArrivalRate: strconv.FormatFloat(d.ArrivalRate, 'f', -1, 64),
	}
	if in.Cap != nil && in.Cap.Limited {
		out.LimitedBy, out.Message = string(scaling.LimitCap), d.Message+" "+in.Cap.Message
	}
	if d.ServiceTime > 0 {
		out.ServiceTime = throughput.FormatTime(d.ServiceTime.Seconds())
	}
	if d.Utilisation > 0 {
		out.Utilisation = fmt.Sprintf("%.0f%%", 100*d.Utilisation)
	}
	switch {
	case d.TimeToClear == scaling.Never:
		out.TimeToClear = "never"
	case d.TimeToClear > 0:
		out.TimeToClear = throughput.FormatTime(d.TimeToClear.Seconds())
	}
	last := in.Worker.Status.Autoscaling
	if last == nil {
		last = &v1alpha1.AutoscalingStatus{Desired: in.Worker.Status.Desired}
	}
	out.Decisions = last.Decisions
	if last.Desired != out.Desired {
		change := v1alpha1.ScalingDecision{
			Time: metav1.NewTime(in.Now), From: last.Desired, To: out.Desired, Reason: out.Reason, Message: out.Message,
		}
		out.Decisions = append([]v1alpha1.ScalingDecision{change}, last.Decisions[:min(len(last.Decisions), maxDecisions-1)]...)
	}
	return out
}

// scalingCondition says whether the size follows the backlog. There is no condition
// without autoscaling.
func scalingCondition(in Input) (conditionState, bool) {
	if in.Scaling == nil {
		return conditionState{}, false
	}
	out := conditionState{v1alpha1.ConditionScalingActive, metav1.ConditionFalse, string(in.Scaling.Reason), ""}
	switch in.Scaling.Reason {
	case scaling.ReasonStopped:
		out.message = "The pool is stopped."
	case scaling.ReasonPaused:
		out.message = "The size stays while the pool is paused."
	case scaling.ReasonBacklogUnknown:
		out.message = "The size stays, because the backlog is unknown; see the condition BacklogKnown."
	case scaling.ReasonAgentsUnreadable:
		out.message = "The pool does not become smaller, because not every agent answers; see the condition AgentsReporting."
	case scaling.ReasonDemand, scaling.ReasonDelayedJobs, scaling.ReasonNothingToDo, scaling.ReasonScaleDownPending:
		out.is, out.reason, out.message = metav1.ConditionTrue, v1alpha1.ReasonFollowing, "The size follows the backlog; spec.processes is ignored."
	}
	return out, true
}

// limitCondition says what keeps the pool from the size it asks for. There is no
// condition if nothing could limit it.
func limitCondition(in Input) (conditionState, bool) {
	if in.Scaling == nil && in.Cap == nil {
		return conditionState{}, false
	}
	out := conditionState{v1alpha1.ConditionScalingLimited, metav1.ConditionFalse, v1alpha1.ReasonNotLimited, "The pool has the size it asks for."}
	limit := scaling.LimitNone
	if in.Scaling != nil {
		limit = in.Scaling.LimitedBy
	}
	switch {
	case in.Cap != nil && in.Cap.Limited:
		out.is, out.reason, out.message = metav1.ConditionTrue, v1alpha1.ReasonSharedCap, in.Cap.Message
	case limit == scaling.LimitMaximum:
		out.is, out.reason = metav1.ConditionTrue, v1alpha1.ReasonMaximum
		out.message = fmt.Sprintf("The pool has at most %d processes (spec.autoscaling.maxProcesses), too few for jobs to start within targetWait. Raise it, or raise targetWait.", in.Worker.Spec.Autoscaling.MaxProcesses)
	}
	return out, true
}
