// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package steering is what the commands are built on that change QueueWorkers, such as
// stop and scale.
package steering

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/wording"
)

// Command is the common part of the commands that change QueueWorkers: it selects them,
// confirms the change, writes it, and waits for it.
type Command struct {
	Deps *cli.Deps
	// Decide returns the plan of what to write.
	Decide func(intent.Input) (intent.Plan, error)
	// Settled reports whether a pool has obeyed. seen is the text to show if it never
	// does.
	Settled func(context.Context, *cli.Cluster, intent.Input) (done bool, seen string, err error)

	all      bool
	selector string
	worker   string
	dryRun   cli.DryRun
	confirm  cli.Confirmation
	wait     bool
	timeout  time.Duration
}

// Waits reports whether the command waits until the change has taken effect.
func (s *Command) Waits() bool { return s.wait }

// AddFlags adds the flags that all steering commands have.
func (s *Command) AddFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.all, "all", false, "All QueueWorkers of the namespace.")
	cmd.Flags().StringVarP(&s.selector, "selector", "l", "", "The QueueWorkers with these labels, such as team=shop.")
	s.dryRun.AddFlag(cmd)
	cmd.ValidArgsFunction = s.Deps.CompleteWorkers(0)
}

// AddWorkerFlag adds --worker, for commands that can act on a single worker.
func (s *Command) AddWorkerFlag(cmd *cobra.Command, what string) {
	cmd.Flags().StringVar(&s.worker, "worker", "", what)
	// It fails for a flag that does not exist; this flag exists.
	_ = cmd.RegisterFlagCompletionFunc("worker", s.Deps.CompletePods)
}

// AddConfirmation adds --yes, for commands that may destroy something.
func (s *Command) AddConfirmation(cmd *cobra.Command) { s.confirm.AddFlag(cmd) }

// AddWaitFlags adds --wait and --timeout.
func (s *Command) AddWaitFlags(cmd *cobra.Command, until string) {
	cmd.Flags().BoolVar(&s.wait, "wait", false, "Wait until "+until+".")
	cmd.Flags().DurationVar(&s.timeout, "timeout", 5*time.Minute, "How long to wait; 0 means for ever.")
}

// Run applies the command to all QueueWorkers that the names or flags select.
func (s *Command) Run(ctx context.Context, names []string) error {
	if err := s.dryRun.Validate(); err != nil {
		return err
	}
	cluster, err := s.Deps.Connect()
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
	writer := s.writer()
	var problems []error
	for i := range inputs {
		if err := writer.carryOut(ctx, cluster, inputs[i], plans[i]); err != nil {
			problems = append(problems, err)
		}
	}
	if len(problems) == 0 && s.wait && !s.dryRun.Is() {
		return s.await(ctx, cluster, inputs)
	}
	return errors.Join(problems...)
}

func (s *Command) writer() *writer { return &writer{deps: s.Deps, dryRun: s.dryRun, decide: s.Decide} }

// plans decides for all inputs first, so a mistake in one is reported before any is
// changed.
func (s *Command) plans(inputs []intent.Input) ([]intent.Plan, error) {
	plans := make([]intent.Plan, 0, len(inputs))
	var problems []error
	for _, in := range inputs {
		plan, err := s.Decide(in)
		if err != nil {
			problems = append(problems, wording.Error(err))
		}
		plans = append(plans, plan)
	}
	if len(problems) > 0 {
		return nil, cli.Usage("%w", errors.Join(problems...))
	}
	return plans, nil
}

// inputs reads the selected QueueWorkers, or with --worker the one pod and its
// QueueWorker.
func (s *Command) inputs(ctx context.Context, cluster *cli.Cluster, names []string) ([]intent.Input, error) {
	now := s.Deps.Now()
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
func (s *Command) pools(ctx context.Context, cluster *cli.Cluster, names []string) ([]v1alpha1.QueueWorker, error) {
	switch several := s.all || s.selector != ""; {
	case several && len(names) > 0:
		return nil, cli.Usage("name QueueWorkers, or use --all or --selector, but not both")
	case several:
		found, err := (&cli.Scope{Selector: s.selector}).Pools(ctx, cluster)
		if err != nil {
			return nil, err
		}
		if len(found.Items) == 0 {
			return nil, cli.NotFound("no QueueWorker of the namespace %s is selected", cluster.Namespace)
		}
		return found.Items, nil
	case len(names) == 0:
		return nil, cli.Usage("name a QueueWorker, or use --all; `kubectl queueworker list` lists the QueueWorkers")
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
func (s *Command) single(ctx context.Context, cluster *cli.Cluster, names []string) (*v1alpha1.QueueWorker, *corev1.Pod, error) {
	if s.all || s.selector != "" || len(names) > 1 {
		return nil, nil, cli.Usage("--worker names one worker, so you can name at most one QueueWorker with it")
	}
	name, slot, err := cli.SplitWorker(s.worker)
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
		return nil, nil, cli.Usage("pod %s belongs to no QueueWorker; `kubectl queueworker workers` lists the workers", name)
	}
	worker := &v1alpha1.QueueWorker{}
	if err := cluster.Client.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: pool}, worker); err != nil {
		return nil, nil, fmt.Errorf("read QueueWorker %s: %w", pool, err)
	}
	if slot && worker.Spec.ProcessesPerPod > 1 {
		return nil, nil, cli.Usage("pod %s has %d processes, which start and stop together; use --worker %s to select all of them", name, worker.Spec.ProcessesPerPod, name)
	}
	return worker, pod, nil
}

// ask asks the user to confirm all dangers of the plans at once.
func (s *Command) ask(ctx context.Context, plans []intent.Plan) error {
	var dangers []string
	for i := range plans {
		if danger := plans[i].Danger; danger != nil {
			dangers = append(dangers, wording.Intent(*danger))
		}
	}
	if len(dangers) == 0 || s.dryRun.Is() {
		return nil
	}
	return s.confirm.Ask(ctx, s.Deps, dangers)
}

// await waits until every changed QueueWorker has settled.
func (s *Command) await(ctx context.Context, cluster *cli.Cluster, inputs []intent.Input) error {
	var problems []error
	for _, in := range inputs {
		if err := s.awaitOne(ctx, cluster, in); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

func (s *Command) awaitOne(ctx context.Context, cluster *cli.Cluster, in intent.Input) error {
	ctx, cancel := cli.Within(ctx, s.timeout, s.timeout)
	defer cancel()
	return cli.Until(ctx, "QueueWorker "+in.Worker.Name, func(ctx context.Context) (bool, string, error) {
		worker := &v1alpha1.QueueWorker{}
		if err := cluster.Client.Get(ctx, client.ObjectKeyFromObject(in.Worker), worker); err != nil {
			return false, "", fmt.Errorf("read QueueWorker %s: %w", in.Worker.Name, err)
		}
		if worker.Status.ObservedGeneration < in.Worker.Generation {
			return false, "The operator has not observed the change; does it run?", nil
		}
		seen := in
		seen.Worker = worker
		return s.Settled(ctx, cluster, seen)
	})
}
