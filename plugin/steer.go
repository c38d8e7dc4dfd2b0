// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/gitops"
	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/plugin/wording"
)

// steering is the common part of the commands that change QueueWorkers: it selects them,
// confirms the change, and waits for it.
type steering struct {
	deps *Deps
	// decide returns the plan of what to write.
	decide func(intent.Input) (intent.Plan, error)
	// settled reports whether a pool has obeyed. seen is the text to show if it never
	// does.
	settled func(context.Context, *Cluster, intent.Input) (done bool, seen string, err error)

	all      bool
	selector string
	worker   string
	dryRun   dryRun
	confirm  confirmation
	wait     bool
	timeout  time.Duration
}

// addFlags adds the flags that all steering commands have.
func (s *steering) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.all, "all", false, "All QueueWorkers of the namespace.")
	cmd.Flags().StringVarP(&s.selector, "selector", "l", "", "The QueueWorkers with these labels, such as team=shop.")
	s.dryRun.addFlag(cmd)
	cmd.ValidArgsFunction = s.deps.CompleteWorkers(0)
}

// addWorkerFlag adds --worker, for commands that can act on a single worker.
func (s *steering) addWorkerFlag(cmd *cobra.Command, what string) {
	cmd.Flags().StringVar(&s.worker, "worker", "", what)
	// It fails for a flag that does not exist; this flag exists.
	_ = cmd.RegisterFlagCompletionFunc("worker", s.deps.CompletePods)
}

// addWaitFlags adds --wait and --timeout.
func (s *steering) addWaitFlags(cmd *cobra.Command, until string) {
	cmd.Flags().BoolVar(&s.wait, "wait", false, "Wait until "+until+".")
	cmd.Flags().DurationVar(&s.timeout, "timeout", 5*time.Minute, "How long to wait; 0 means for ever.")
}

// run applies the command to all QueueWorkers that the names or flags select.
func (s *steering) run(ctx context.Context, names []string) error {
	if err := s.dryRun.validate(); err != nil {
		return err
	}
	cluster, err := s.deps.Connect()
	if err != nil {
		return err
	}
	inputs, err := s.inputs(ctx, cluster, names)
	if err != nil {
		return err
	}
	plans, err := s.plans(inputs)
	if err != nil {
		return err
	}
	if err := s.ask(ctx, plans); err != nil {
		return err
	}
	var problems []error
	for i := range inputs {
		if err := s.carryOut(ctx, cluster, inputs[i], plans[i]); err != nil {
			problems = append(problems, err)
		}
	}
	if len(problems) == 0 && s.wait && !s.dryRun.is() {
		return s.await(ctx, cluster, inputs)
	}
	return errors.Join(problems...)
}

// plans decides for all inputs first, so a mistake in one is reported before any is
// changed.
func (s *steering) plans(inputs []intent.Input) ([]intent.Plan, error) {
	plans := make([]intent.Plan, 0, len(inputs))
	var problems []error
	for _, in := range inputs {
		plan, err := s.decide(in)
		if err != nil {
			problems = append(problems, wording.Error(err))
		}
		plans = append(plans, plan)
	}
	if len(problems) > 0 {
		return nil, Usage("%w", errors.Join(problems...))
	}
	return plans, nil
}

// inputs reads the selected QueueWorkers, or with --worker the one pod and its
// QueueWorker.
func (s *steering) inputs(ctx context.Context, cluster *Cluster, names []string) ([]intent.Input, error) {
	now := s.deps.Now()
	token := now.UTC().Format(time.RFC3339Nano)
	if s.worker != "" {
		worker, pod, err := s.single(ctx, cluster, names)
		if err != nil {
			return nil, err
		}
		return []intent.Input{{Worker: worker, Pod: pod, Now: now, Token: token}}, nil
	}
	pools, err := s.pools(ctx, cluster, names)
	if err != nil {
		return nil, err
	}
	inputs := make([]intent.Input, 0, len(pools))
	for i := range pools {
		inputs = append(inputs, intent.Input{Worker: &pools[i], Now: now, Token: token})
	}
	return inputs, nil
}

// pools reads the QueueWorkers with these names, with the labels of --selector, or all of
// them.
func (s *steering) pools(ctx context.Context, cluster *Cluster, names []string) ([]v1alpha1.QueueWorker, error) {
	switch several := s.all || s.selector != ""; {
	case several && len(names) > 0:
		return nil, Usage("names, and --all or --selector, exclude each other")
	case several:
		found, err := (&scope{selector: s.selector}).pools(ctx, cluster)
		if err != nil {
			return nil, err
		}
		if len(found.Items) == 0 {
			return nil, NotFound("no QueueWorker of the namespace %s is meant", cluster.Namespace)
		}
		return found.Items, nil
	case len(names) == 0:
		return nil, Usage("name a QueueWorker, or say --all; `kubectl queueworker list` lists them")
	}
	pools := make([]v1alpha1.QueueWorker, len(names))
	for i, name := range names {
		if err := cluster.Client.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: name}, &pools[i]); err != nil {
			return nil, fmt.Errorf("read QueueWorker %s: %w", name, err)
		}
	}
	return pools, nil
}

// single reads the pod that --worker names, and its pool. The pool is the QueueWorker
// that the user named, or else the pod's label.
func (s *steering) single(ctx context.Context, cluster *Cluster, names []string) (*v1alpha1.QueueWorker, *corev1.Pod, error) {
	if s.all || s.selector != "" || len(names) > 1 {
		return nil, nil, Usage("--worker names one worker, so at most one QueueWorker goes with it")
	}
	name, slot, err := slotOf(s.worker)
	if err != nil {
		return nil, nil, err
	}
	pod := &corev1.Pod{}
	if err := cluster.Client.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: name}, pod); err != nil {
		return nil, nil, fmt.Errorf("read worker %s: %w", name, err)
	}
	pool := pod.Labels[v1alpha1.LabelName]
	if len(names) == 1 {
		pool = names[0]
	}
	if pool == "" {
		return nil, nil, Usage("pod %s belongs to no QueueWorker; `kubectl queueworker workers` lists those that do", name)
	}
	worker := &v1alpha1.QueueWorker{}
	if err := cluster.Client.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: pool}, worker); err != nil {
		return nil, nil, fmt.Errorf("read QueueWorker %s: %w", pool, err)
	}
	if slot && worker.Spec.ProcessesPerPod > 1 {
		return nil, nil, Usage("pod %s holds %d processes, which come and go together; say --worker %s to mean all of them", name, worker.Spec.ProcessesPerPod, name)
	}
	return worker, pod, nil
}

// ask asks the user to confirm all dangers of the plans at once.
func (s *steering) ask(ctx context.Context, plans []intent.Plan) error {
	var dangers []string
	for i := range plans {
		if danger := plans[i].Danger; danger != nil {
			dangers = append(dangers, wording.Intent(*danger))
		}
	}
	if len(dangers) == 0 || s.dryRun.is() {
		return nil
	}
	return s.confirm.ask(ctx, s.deps, dangers)
}

// carryOut writes a plan's patches and prints what was done.
func (s *steering) carryOut(ctx context.Context, cluster *Cluster, in intent.Input, plan intent.Plan) error {
	s.warn(in.Worker, plan)
	plan, err := s.write(ctx, cluster, in, plan)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.deps.Streams.Out, "QueueWorker %s %s%s\n", in.Worker.Name, wording.Intent(plan.Done), s.dryRun.suffix())
	for _, note := range plan.Notes {
		fmt.Fprintln(s.deps.Streams.ErrOut, "note: "+wording.Intent(note))
	}
	return err
}

// warn prints a warning if Git will undo the change.
func (s *steering) warn(worker *v1alpha1.QueueWorker, plan intent.Plan) {
	if plan.Worker == nil {
		return
	}
	if owner, found := gitops.Find(worker, plan.Worker.Fields); found {
		fmt.Fprintln(s.deps.Streams.ErrOut, "warning: "+wording.GitOps(owner.Warn(plan.Worker.Fields), "QueueWorker "+worker.Name))
	}
}

// attempts is how many times a patch is tried if another client changes its value
// meanwhile. The plan is computed again before each further try.
const attempts = 5

// write writes the pod's patch and then the QueueWorker's. It tries the QueueWorker's
// patch as a dry run first, so that a user without the right to it does not leave half a
// change.
func (s *steering) write(ctx context.Context, cluster *Cluster, in intent.Input, plan intent.Plan) (intent.Plan, error) {
	if s.dryRun == dryRunClient {
		return plan, nil
	}
	if plan.Pod == nil {
		return s.writeWorker(ctx, cluster, in, plan)
	}
	if plan.Worker != nil {
		if err := patch(ctx, cluster, in.Worker.DeepCopy(), plan.Worker, client.DryRunAll); err != nil && !apierrors.IsConflict(err) {
			return plan, err
		}
	}
	if err := patch(ctx, cluster, in.Pod.DeepCopy(), plan.Pod, s.dryRun.options()...); err != nil {
		return plan, err
	}
	done, err := s.writeWorker(ctx, cluster, in, plan)
	if err != nil {
		return done, fmt.Errorf("worker %s is marked and will go, but processes is as it was, so it is replaced; `kubectl queueworker scale %s` lowers it: %w", in.Pod.Name, in.Worker.Name, err)
	}
	return done, nil
}

// writeWorker writes the QueueWorker's patch. After a conflict it reads the QueueWorker
// and computes the plan again.
func (s *steering) writeWorker(ctx context.Context, cluster *Cluster, in intent.Input, plan intent.Plan) (intent.Plan, error) {
	for attempt := 1; plan.Worker != nil; attempt++ {
		err := patch(ctx, cluster, in.Worker, plan.Worker, s.dryRun.options()...)
		if err == nil || !apierrors.IsConflict(err) || attempt == attempts {
			return plan, err
		}
		if err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(in.Worker), in.Worker); err != nil {
			return plan, fmt.Errorf("read QueueWorker %s again: %w", in.Worker.Name, err)
		}
		if plan, err = s.decide(in); err != nil {
			return plan, wording.Error(err)
		}
	}
	return plan, nil
}

// patch sends one patch; object becomes the result.
func patch(ctx context.Context, cluster *Cluster, object client.Object, p *intent.Patch, options ...client.PatchOption) error {
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
		return Usage("the cluster refuses this: %w", err)
	case err != nil:
		return fmt.Errorf("change %s: %w", object.GetName(), err)
	}
	return nil
}

// slotOf parses a worker's name: a pod's name, or POD/NUMBER as the worker table shows a
// process of a pod.
func slotOf(worker string) (pod string, slot bool, err error) {
	pod, number, slot := strings.Cut(worker, "/")
	if slot {
		if _, err := strconv.ParseUint(number, 10, 8); err != nil {
			return "", false, Usage("--worker %q is no worker; write the name of a pod, or one of the worker table such as emails-worker-abc/0", worker)
		}
	}
	return pod, slot, nil
}
