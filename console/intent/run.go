// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"queueworker.dev/queueworker/api/v1alpha1"
)

// Run starts a run of a Batch pool.
func Run(in Input) (Plan, error) {
	switch {
	case !isBatch(in.Worker):
		return Plan{}, refuse("QueueWorker %s runs all the time; `run` is for mode Batch", in.Worker.Name)
	case in.Worker.Spec.Stopped:
		return Plan{}, refuse("QueueWorker %s is stopped; `kubectl queueworker start %s` first", in.Worker.Name, in.Worker.Name)
	case in.Worker.Spec.Paused || in.Worker.Spec.PausedUntil != nil && in.Worker.Spec.PausedUntil.After(in.Now):
		return Plan{}, refuse("QueueWorker %s is paused, which holds its runs; `kubectl queueworker resume %s` first", in.Worker.Name, in.Worker.Name)
	}
	if batch := in.Worker.Status.Batch; batch != nil && batch.ActiveRun != "" {
		return Plan{}, refuse("run %s of QueueWorker %s is not over; one at a time. This waits for it: kubectl wait --for=condition=Complete queueworker/%s --timeout=1h", batch.ActiveRun, in.Worker.Name, in.Worker.Name)
	}
	return Plan{Worker: annotation(v1alpha1.AnnotationRunAt, in.Token), Done: "has a run asked for"}, nil
}
