// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// Run starts a run of a Batch pool.
func Run(in Input) (Plan, error) {
	switch {
	case !effective.IsBatch(&in.Worker.Spec):
		return Plan{}, refuse(Message{Code: NotBatch, Worker: in.Worker.Name})
	case in.Worker.Spec.Stopped:
		return Plan{}, refuse(Message{Code: RunOfStopped, Worker: in.Worker.Name})
	case in.Worker.Spec.Paused || in.Worker.Spec.PausedUntil != nil && in.Worker.Spec.PausedUntil.After(in.Now):
		return Plan{}, refuse(Message{Code: RunOfPaused, Worker: in.Worker.Name})
	}
	if batch := in.Worker.Status.Batch; batch != nil && batch.ActiveRun != "" {
		return Plan{}, refuse(Message{Code: RunNotOver, Worker: in.Worker.Name, Run: batch.ActiveRun})
	}
	return Plan{Worker: annotation(v1alpha1.AnnotationRunAt, in.Token), Done: in.about(RunRequested)}, nil
}
