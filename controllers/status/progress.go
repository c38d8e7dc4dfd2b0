// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/drain"
)

// progress says how far a pool without obstacles is.
func progress(in Input, c counts) verdict {
	if message := movement(in, c); message != "" {
		return verdict{reason: v1alpha1.ReasonProgressing, message: message}
	}
	if v, under := changingPause(in, c); under {
		return v
	}
	return settled(in, c)
}

// settled returns the verdict on a pool that has reached its goal.
func settled(in Input, c counts) verdict {
	v := verdict{ready: true, reason: settledReason(in), message: settledMessage(in, c)}
	if v.reason == v1alpha1.ReasonPausedByFailing {
		v.ready, v.stalled = false, true // this pause was not requested
	}
	return v
}

// movement says what must still happen to the pool's pods; empty if nothing.
func movement(in Input, c counts) string {
	pods := effective.Pods(in.Processes, &in.Worker.Spec)
	deployment := in.Deployment
	switch {
	case deployment == nil:
		return "The Deployment is being created."
	case exchanging(in, pods):
		return ""
	case deployment.Status.ObservedGeneration < deployment.Generation:
		return "The Deployment has changed, and its pods are being replaced."
	case shrinking(in):
		return in.Removal.Message
	case c.leaving > 0 && pods == 0:
		return fmt.Sprintf("%d pod(s) finish their jobs before they are removed.", c.leaving)
	case deployment.Status.UpdatedReplicas < pods:
		return fmt.Sprintf("%d of %d pods have the newest template.", deployment.Status.UpdatedReplicas, pods)
	case deployment.Status.Replicas > pods:
		return fmt.Sprintf("%d old pod(s) are being removed.", deployment.Status.Replicas-pods)
	case deployment.Status.AvailableReplicas < pods:
		return fmt.Sprintf("%d of %d pods are ready.", deployment.Status.AvailableReplicas, pods)
	}
	return ""
}

// exchanging reports whether a pool that is as wanted has slightly more or fewer pods
// for a while, because its pods are replaced one by one.
func exchanging(in Input, pods int32) bool {
	spec, before, now := &in.Worker.Spec, &in.Worker.Status, &in.Deployment.Status
	return (spec.Recycle == v1alpha1.RecyclePod || in.Removal.Reason == drain.Replacing) && pods > 0 &&
		before.ObservedGeneration == in.Worker.Generation && meta.IsStatusConditionTrue(before.Conditions, v1alpha1.ConditionReady) &&
		now.UpdatedReplicas >= pods && now.AvailableReplicas >= pods && now.Replicas <= pods+max(spec.MaxUnavailable, 1)
}

// shrinking reports whether the pool is on its way to fewer pods.
func shrinking(in Input) bool {
	switch in.Removal.Reason {
	case drain.Draining, drain.Ranking, drain.ScaledDown, drain.AwaitingRemoval, drain.AwaitingRollout:
		return true
	case drain.Settled, drain.ScaledUp, drain.Replacing:
	}
	return false
}

func settledReason(in Input) string {
	switch {
	case in.Processes == 0 && in.Scaling != nil && !in.Worker.Spec.Stopped:
		return v1alpha1.ReasonScaledToZero
	case in.Processes == 0:
		return v1alpha1.ReasonStopped
	case in.pausedBy() != "":
		return in.pausedBy()
	case finding(in, v1alpha1.ReasonMemoryLimitLow) != nil:
		return v1alpha1.ReasonMemoryLimitLow
	}
	return v1alpha1.ReasonAsWanted
}

func settledMessage(in Input, c counts) string {
	switch settledReason(in) {
	case v1alpha1.ReasonScaledToZero:
		return "Scaled to zero: no process is needed until a job waits."
	case v1alpha1.ReasonStopped:
		switch {
		case in.Worker.Spec.Stopped:
			return "Stopped, because spec.stopped is true."
		case in.Cap != nil && in.Cap.Limited:
			return "Without processes: " + in.Cap.Message
		}
		return "Stopped, because spec.processes is 0."
	case v1alpha1.ReasonPaused, v1alpha1.ReasonPausedUntil, v1alpha1.ReasonPausedByFailing:
		return "The pods stay and take no jobs, " + pauseCause(in)
	case v1alpha1.ReasonMemoryLimitLow:
		return finding(in, v1alpha1.ReasonMemoryLimitLow).Message
	}
	message := fmt.Sprintf("%d process(es) run in %d pod(s).", c.desired, effective.Pods(in.Processes, &in.Worker.Spec))
	if c.alone > 0 {
		message += fmt.Sprintf(" %d of the pods are paused by their own annotation %s.", c.alone, v1alpha1.AnnotationPaused)
	}
	return message
}

// finding returns the finding with a reason; nil if there is none.
func finding(in Input, reason string) *effective.Problem {
	for i := range in.Findings {
		if in.Findings[i].Reason == reason {
			return &in.Findings[i]
		}
	}
	return nil
}
