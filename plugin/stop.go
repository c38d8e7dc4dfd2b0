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
		Short: "Stop pools, or let one worker go",
		Long: `Stop pools: their pods go, each after its running jobs and within its grace period. How
many processes a pool has is remembered.

With --worker one worker goes, after its jobs, and the pool becomes smaller by it. With --now every
process is killed in the middle of its job: it runs again once retry_after has passed. With one
try it is lost to the queue, and only the failed jobs have it, where the application keeps them.`,
		Example: "  kubectl queueworker stop emails --wait\n  kubectl queueworker stop --all --now\n  kubectl queueworker stop --worker emails-worker-7d4b9-x2x4q",
		GroupID: cli.GroupAct,
		RunE:    func(cmd *cobra.Command, names []string) error { return s.Run(cmd.Context(), names) },
	}
	s.AddFlags(cmd)
	s.AddWorkerFlag(cmd, "Let this worker (its pod) go, and lower processes by it.")
	s.AddWaitFlags(cmd, "the pods are gone")
	s.AddConfirmation(cmd)
	cmd.Flags().BoolVar(&now, "now", false, "Kill running jobs instead of waiting for them.")
	return cmd
}
