// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"github.com/spf13/cobra"

	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/steering"
)

// NewStopCommand returns `kubectl queueworker stop`.
func NewStopCommand(deps *cli.Deps) *cobra.Command {
	var now bool
	s := &steering.Command{Deps: deps, Settled: steering.Gone}
	s.Decide = func(in intent.Input) (intent.Plan, error) { return intent.Stop(in, now) }
	cmd := &cobra.Command{
		Use:   "stop NAME...",
		Short: "Stop pools, or remove one worker",
		Long: `Stop pools: each pod is deleted after its running jobs, within its grace period. The pool keeps
its size for the next start.

With --worker one worker is removed, after its jobs, and the pool becomes smaller. With --now every
process is killed in the middle of its job. The job runs again once retry_after has passed. A job with
one try is lost to the queue; it is then a failed job, if the application keeps failed jobs.`,
		Example: "  kubectl queueworker stop emails --wait\n  kubectl queueworker stop --all --now\n  kubectl queueworker stop --worker emails-worker-7d4b9-x2x4q",
		GroupID: cli.GroupAct,
		RunE:    func(cmd *cobra.Command, names []string) error { return s.Run(cmd.Context(), names) },
	}
	s.AddFlags(cmd)
	s.AddWorkerFlag(cmd, "Remove this worker (its pod), and lower spec.processes accordingly.")
	s.AddWaitFlags(cmd, "the pods are gone")
	s.AddConfirmation(cmd)
	cmd.Flags().BoolVar(&now, "now", false, "Kill running jobs instead of waiting for them.")
	return cmd
}
