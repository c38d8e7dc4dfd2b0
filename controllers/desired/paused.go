// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"time"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// PausedBy is why a pool is to take no jobs now, as a reason of its condition Paused;
// empty if it is to take some.
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

// PauseLeft is how long spec.pausedUntil still lies ahead; 0 if it does not.
func PauseLeft(worker *v1alpha1.QueueWorker, now time.Time) time.Duration {
	if until := worker.Spec.PausedUntil; until != nil {
		return max(0, until.Sub(now))
	}
	return 0
}

// pausedByFailing tells whether a pause made by spec.onFailing is in force. Only what
// has been written to the status counts: so it outlives the operator.
func pausedByFailing(worker *v1alpha1.QueueWorker) bool {
	pause := worker.Status.OnFailing
	return pause != nil && pause.Paused && worker.Spec.OnFailing == v1alpha1.OnFailingPause &&
		!Resumes(ResumeToken(worker), pause)
}

// Resumes tells whether a value of the annotation resumedAt ends a pause: another one
// does, its removal says nothing.
func Resumes(token string, pause *v1alpha1.FailurePause) bool {
	return token != "" && token != pause.ResumedAt
}

// ResumeToken is the value of a QueueWorker's annotation resumedAt, as much of it as is kept.
func ResumeToken(worker *v1alpha1.QueueWorker) string {
	const most = 1024 // of FailurePause.ResumedAt
	token := []rune(worker.Annotations[v1alpha1.AnnotationResumedAt])
	return string(token[:min(len(token), most)])
}
