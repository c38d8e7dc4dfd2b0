// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package steering

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/gitops"
	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/wording"
)

// writer writes plans.
type writer struct {
	deps   *cli.Deps
	dryRun cli.DryRun
	// decide returns a plan again, after another client has changed the QueueWorker.
	decide func(intent.Input) (intent.Plan, error)
}

// carryOut writes a plan's patches and prints what was done.
func (w *writer) carryOut(ctx context.Context, cluster *cli.Cluster, in intent.Input, plan intent.Plan) error {
	w.warn(in.Worker, plan)
	plan, err := w.write(ctx, cluster, in, plan)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.deps.Streams.Out, "QueueWorker %s %s%s\n", in.Worker.Name, wording.Intent(plan.Done), w.dryRun.Suffix())
	for _, note := range plan.Notes {
		fmt.Fprintln(w.deps.Streams.ErrOut, "note: "+wording.Intent(note))
	}
	return err
}

// warn prints a warning if Git will undo the change.
func (w *writer) warn(worker *v1alpha1.QueueWorker, plan intent.Plan) {
	if plan.Worker == nil {
		return
	}
	if owner, found := gitops.Find(worker, plan.Worker.Fields); found {
		fmt.Fprintln(w.deps.Streams.ErrOut, "warning: "+wording.GitOps(owner.Warn(plan.Worker.Fields), "QueueWorker "+worker.Name))
	}
}

// attempts is how many times a patch is tried if another client changes its value
// meanwhile. The plan is computed again before each further try.
const attempts = 5

// write writes the pod's patch and then the QueueWorker's. It tries the QueueWorker's
// patch as a dry run first, so that a user without the right to it does not leave half a
// change.
func (w *writer) write(ctx context.Context, cluster *cli.Cluster, in intent.Input, plan intent.Plan) (intent.Plan, error) {
	if w.dryRun == cli.DryRunClient {
		return plan, nil
	}
	if plan.Pod == nil {
		return w.writeWorker(ctx, cluster, in, plan)
	}
	if plan.Worker != nil {
		if err := patch(ctx, cluster, in.Worker.DeepCopy(), plan.Worker, client.DryRunAll); err != nil && !apierrors.IsConflict(err) {
			return plan, err
		}
	}
	if err := patch(ctx, cluster, in.Pod.DeepCopy(), plan.Pod, w.dryRun.PatchOptions()...); err != nil {
		return plan, err
	}
	done, err := w.writeWorker(ctx, cluster, in, plan)
	if err != nil {
		return done, fmt.Errorf("worker %s is marked and will be removed, but spec.processes was not lowered, so the operator replaces the worker; `kubectl queueworker scale %s` lowers it: %w", in.Pod.Name, in.Worker.Name, err)
	}
	return done, nil
}

// writeWorker writes the QueueWorker's patch. After a conflict it reads the QueueWorker
// and computes the plan again.
func (w *writer) writeWorker(ctx context.Context, cluster *cli.Cluster, in intent.Input, plan intent.Plan) (intent.Plan, error) {
	for attempt := 1; plan.Worker != nil; attempt++ {
		err := patch(ctx, cluster, in.Worker, plan.Worker, w.dryRun.PatchOptions()...)
		if err == nil || !apierrors.IsConflict(err) || attempt == attempts {
			return plan, err
		}
		if err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(in.Worker), in.Worker); err != nil {
			return plan, fmt.Errorf("read QueueWorker %s again: %w", in.Worker.Name, err)
		}
		if plan, err = w.decide(in); err != nil {
			return plan, wording.Error(err)
		}
	}
	return plan, nil
}

// patch sends one patch; object becomes the result.
func patch(ctx context.Context, cluster *cli.Cluster, object client.Object, p *intent.Patch, options ...client.PatchOption) error {
	body := map[string]any{}
	maps.Copy(body, p.Body)
	if p.Locked {
		metadata := map[string]any{"resourceVersion": object.GetResourceVersion()}
		if others, ok := body["metadata"].(map[string]any); ok {
			maps.Copy(metadata, others)
		}
		body["metadata"] = metadata
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("write the patch of %s: %w", object.GetName(), err)
	}
	err = cluster.Client.Patch(ctx, object, client.RawPatch(types.MergePatchType, raw), options...)
	switch {
	case apierrors.IsInvalid(err):
		return cli.Usage("the cluster refuses this: %w", err)
	case err != nil:
		return fmt.Errorf("change %s: %w", object.GetName(), err)
	}
	return nil
}
