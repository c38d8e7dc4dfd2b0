// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"time"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// pausedBy returns why the pool shall take no jobs; empty if it shall take jobs.
func (in Input) pausedBy() string { return effective.PausedBy(in.Worker, in.Now) }

// pauseCause ends a sentence with the reason of a pause, and what ends the pause.
func pauseCause(in Input) string {
	if in.pausedBy() == v1alpha1.ReasonPausedByFailing {
		return fmt.Sprintf("because its jobs fail and spec.onFailing is Pause: %s Fix the cause, then resume: kubectl annotate queueworker %s %s=$(date +%%s) --overwrite",
			in.Worker.Status.OnFailing.Cause, in.Worker.Name, v1alpha1.AnnotationResumedAt)
	}
	if in.pausedBy() == v1alpha1.ReasonPausedUntil {
		return fmt.Sprintf("because spec.pausedUntil is %s.", in.Worker.Spec.PausedUntil.UTC().Format(time.RFC3339))
	}
	return "because spec.paused is true."
}

// pausingDone reports whether every pod obeys the pause and no process works any more.
func pausingDone(c counts) bool {
	return c.finishing == 0 && c.busy == 0 && c.idle == 0 && c.obeying == c.running
}

// changingPause reports whether any pod must still pause or resume.
func changingPause(in Input, c counts) (verdict, bool) {
	switch {
	case in.pausedBy() != "" && c.desired > 0 && !pausingDone(c):
		return verdict{reason: v1alpha1.ReasonPausing, message: fmt.Sprintf(
			"Pausing: %d process(es) finish their jobs; %d of %d pods have received the pause.", c.busy, c.obeying, c.running)}, true
	case in.pausedBy() == "" && c.paused > 0:
		return verdict{reason: v1alpha1.ReasonProgressing, message: fmt.Sprintf(
			"Resuming: %d of %d pods are still paused.", c.paused, c.running)}, true
	}
	return verdict{}, false
}
