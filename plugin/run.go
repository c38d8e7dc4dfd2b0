// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/steering"
)

// NewRunCommand returns `kubectl queueworker run`.
func NewRunCommand(deps *cli.Deps) *cobra.Command {
	// asked holds the run that was requested last before this command, by the
	// QueueWorker's name.
	asked := map[string]string{}
	s := &steering.Command{Deps: deps}
	s.Decide = func(in intent.Input) (intent.Plan, error) {
		asked[in.Worker.Name] = requestedRun(in.Worker)
		return intent.Run(in)
	}
	s.Settled = func(_ context.Context, _ *cli.Cluster, in intent.Input) (bool, string, error) {
		return isOver(in.Worker, asked[in.Worker.Name])
	}
	cmd := &cobra.Command{
		Use:     "run NAME...",
		Short:   "Start a run of pools of mode Batch",
		Example: "  kubectl queueworker run nightly --wait --timeout 1h",
		GroupID: cli.GroupAct,
		RunE:    func(cmd *cobra.Command, names []string) error { return s.Run(cmd.Context(), names) },
	}
	s.AddFlags(cmd)
	s.AddWaitFlags(cmd, "the run is over; the command ends with 1 unless every worker succeeded")
	return cmd
}

func requestedRun(worker *v1alpha1.QueueWorker) string {
	if worker.Status.Batch == nil {
		return ""
	}
	return worker.Status.Batch.RequestedRun
}

// isOver reports whether the run that was requested after the run before has ended.
func isOver(worker *v1alpha1.QueueWorker, before string) (bool, string, error) {
	name := requestedRun(worker)
	if name == before {
		return false, "The run has not started yet.", nil
	}
	for i := range worker.Status.Batch.Runs {
		run := &worker.Status.Batch.Runs[i]
		switch {
		case run.Name != name:
		case run.Ended == nil:
			return false, fmt.Sprintf("Run %s: %d jobs done, %d failed.", run.Name, run.Processed, run.Failed), nil
		case run.Outcome != v1alpha1.RunComplete:
			return false, "", fmt.Errorf("run %s of QueueWorker %s ended as %s, with %d jobs done and %d failed", run.Name, worker.Name, run.Outcome, run.Processed, run.Failed)
		default:
			return true, "", nil
		}
	}
	return false, "", fmt.Errorf("run %s of QueueWorker %s was not started, because another run was under way", name, worker.Name)
}
