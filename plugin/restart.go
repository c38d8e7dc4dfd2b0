// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"github.com/spf13/cobra"

	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/steering"
)

// NewRestartCommand returns `kubectl queueworker restart`.
func NewRestartCommand(deps *cli.Deps) *cobra.Command {
	var pods bool
	s := &steering.Command{Deps: deps, Settled: steering.Recreated}
	s.Decide = func(in intent.Input) (intent.Plan, error) { return intent.Restart(in, pods) }
	cmd := &cobra.Command{
		Use:   "restart NAME...",
		Short: "Restart the processes of pools or of one worker, each after its job",
		Long: `Restart the worker processes, each after its current job, as php artisan queue:restart does.
The pods stay. With --pods the pods are replaced too, one after the other.`,
		Example: "  kubectl queueworker restart --all\n  kubectl queueworker restart --worker emails-worker-7d4b9-x2x4q\n  kubectl queueworker restart emails --pods --wait",
		GroupID: cli.GroupAct,
		RunE: func(cmd *cobra.Command, names []string) error {
			if s.Waits() && !pods {
				return cli.Usage("--wait needs --pods; processes restart when their jobs are done, and `kubectl queueworker workers` shows since when each process runs")
			}
			return s.Run(cmd.Context(), names)
		},
	}
	s.AddFlags(cmd)
	s.AddWorkerFlag(cmd, "Restart the processes of this worker (its pod) only.")
	s.AddWaitFlags(cmd, "every pod is new")
	cmd.Flags().BoolVar(&pods, "pods", false, "Replace the pods, not just the processes in them.")
	return cmd
}
