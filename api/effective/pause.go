// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package effective

import (
	"time"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// PausedBy returns why a pool shall take no jobs now, as a reason of its condition
// Paused; empty if it shall take jobs.
func PausedBy(worker *v1alpha1.QueueWorker, now time.Time) string {
	switch {
	case worker.Spec.Paused:
		return v1alpha1.ReasonPaused
	case pausedByFailing(worker):
		return v1alpha1.ReasonPausedByFailing
	case PauseLeft(worker, now) > 0:
		return v1alpha1.ReasonPausedUntil
	}
	return ""
}

// PauseLeft returns the time until spec.pausedUntil; 0 if it has passed or is not set.
func PauseLeft(worker *v1alpha1.QueueWorker, now time.Time) time.Duration {
	if until := worker.Spec.PausedUntil; until != nil {
		return max(0, until.Sub(now))
	}
	return 0
}

// pausedByFailing reports whether a pause made by spec.onFailing is in force. Only a
// pause in the status counts, so it outlives the operator.
func pausedByFailing(worker *v1alpha1.QueueWorker) bool {
	pause := worker.Status.OnFailing
	return pause != nil && pause.Paused && worker.Spec.OnFailing == v1alpha1.OnFailingPause &&
		!Resumes(ResumeToken(worker), pause)
}

// Resumes reports whether a value of the annotation resumedAt ends a pause: a new value
// does, but the removal of the annotation does not.
func Resumes(token string, pause *v1alpha1.FailurePause) bool {
	return token != "" && token != pause.ResumedAt
}

// ResumeToken returns the value of a QueueWorker's annotation resumedAt, cut to the
// length that is kept.
func ResumeToken(worker *v1alpha1.QueueWorker) string {
	const most = 1024 // of FailurePause.ResumedAt
	token := []rune(worker.Annotations[v1alpha1.AnnotationResumedAt])
	return string(token[:min(len(token), most)])
}
