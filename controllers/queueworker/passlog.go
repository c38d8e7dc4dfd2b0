// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"queueworker.dev/queueworker/controllers/queueworker/plan"
)

// sizeValues returns what the log says about the size of a pool.
func sizeValues(w *plan.World, d plan.Decision) []any {
	out := []any{"processes", d.Size.Processes, "pods", len(w.Pods), "wantedPods", d.Removal.Replicas}
	if d.Removal.Reason != "" {
		out = append(out, "drain", d.Removal.Reason)
	}
	if d.Size.Scaling != nil {
		out = append(out, "scaling", d.Size.Scaling.Reason)
		if limit := d.Size.Scaling.LimitedBy; limit != "" {
			out = append(out, "limitedBy", limit)
		}
	}
	return out
}

// resizing returns a context in which the line about a written Deployment says how many
// replicas the Deployment has now, and why.
func resizing(ctx context.Context, w *plan.World, d plan.Decision) context.Context {
	values := []any{"replicas", d.Removal.Replicas, "drain", d.Removal.Reason}
	if w.Deployment != nil && w.Deployment.Spec.Replicas != nil {
		values = append(values, "replicasBefore", *w.Deployment.Spec.Replicas)
	}
	if d.Size.Scaling != nil {
		values = append(values, "scaling", d.Size.Scaling.Reason)
	}
	return ctrl.LoggerInto(ctx, ctrl.LoggerFrom(ctx).WithValues(values...))
}

// statusWord says what a pass has done with the status: a write for numbers alone may
// have to wait, so that a busy pool is not written each second.
func statusWord(written bool, wait time.Duration) string {
	switch {
	case written:
		return "written"
	case wait > 0:
		return "due in " + wait.Round(time.Millisecond).String()
	}
	return "unchanged"
}
