// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"queueworker.dev/queueworker/api/v1alpha1"
)

// stateOf sums the pool up in one word.
func stateOf(in Input, c counts, verdict verdict) v1alpha1.State {
	switch {
	case inRuns(in):
		return stateOfRuns(in, c, verdict)
	case c.desired == 0:
		return stateWithoutProcesses(in, c)
	case verdict.reason == v1alpha1.ReasonPausedByFailing:
		return v1alpha1.StatePaused
	case verdict.stalled || c.failing > 0 && c.failing == c.processes:
		return v1alpha1.StateFailing
	case in.pausedBy() != "":
		if !pausingDone(c) {
			return v1alpha1.StateDraining
		}
		return v1alpha1.StatePaused
	case c.busy > 0:
		return v1alpha1.StateActive
	case c.ready > 0:
		return v1alpha1.StateIdle
	}
	return v1alpha1.StateStarting
}

// stateWithoutProcesses returns the state of a pool that shall have no processes.
func stateWithoutProcesses(in Input, c counts) v1alpha1.State {
	switch {
	case c.leaving > 0 || c.busy > 0 || c.processes > 0:
		return v1alpha1.StateDraining
	case in.Scaling != nil && !in.Worker.Spec.Stopped:
		return v1alpha1.StateIdle
	}
	return v1alpha1.StateStopped
}
