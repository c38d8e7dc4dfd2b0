// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queuecommand

import (
	"cmp"
	"context"

	ctrl "sigs.k8s.io/controller-runtime"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/command"
	"queueworker.dev/queueworker/controllers/passlog"
)

// passOf returns what the log says about a pass that reached a decision. The reason is the
// reason of the command's condition, or else what the command waits for, or its state.
func passOf(out command.Output, problem *effective.Problem) passlog.Pass {
	state := cmp.Or(out.Status.State, v1alpha1.CommandPending)
	told := passlog.Pass{Reason: string(state), Values: []any{"state", state}, Again: out.Recheck}
	if problem != nil {
		told.Reason = problem.Reason
	}
	if all := out.Status.Conditions; len(all) > 0 {
		told.Reason = all[0].Reason
	}
	return told
}

// ended writes the line of a pass, and returns the result of the pass.
func ended(ctx context.Context, told passlog.Pass) (ctrl.Result, error) {
	told.End(ctx)
	return ctrl.Result{RequeueAfter: told.Again}, nil
}
