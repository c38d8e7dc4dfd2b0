// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"time"

	"github.com/spf13/cobra"

	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/steering"
)

// NewPauseCommand returns `kubectl queueworker pause`.
func NewPauseCommand(deps *cli.Deps) *cobra.Command {
	var length time.Duration
	s := &steering.Command{Deps: deps, Settled: steering.Paused}
	s.Decide = func(in intent.Input) (intent.Plan, error) {
		if length == 0 {
			return intent.Pause(in, nil)
		}
		end := in.Now.Add(length)
		return intent.Pause(in, &end)
	}
	cmd := &cobra.Command{
		Use:     "pause NAME...",
		Short:   "Make pools, or one worker, finish their jobs and take no more jobs",
		Example: "  kubectl queueworker pause emails --wait\n  kubectl queueworker pause -l team=shop --for 2h\n  kubectl queueworker pause --worker emails-worker-7d4b9-x2x4q",
		GroupID: cli.GroupAct,
		RunE: func(cmd *cobra.Command, names []string) error {
			if cmd.Flags().Changed("for") && length <= 0 {
				return cli.Usage("--for must be a duration above zero such as 30m or 2h")
			}
			return s.Run(cmd.Context(), names)
		},
	}
	s.AddFlags(cmd)
	s.AddWorkerFlag(cmd, "Pause this worker (its pod) only.")
	s.AddWaitFlags(cmd, "the last running job is finished")
	cmd.Flags().DurationVar(&length, "for", 0, "How long to pause, such as 2h; the pool then resumes by itself.")
	return cmd
}

// NewResumeCommand returns `kubectl queueworker resume`.
func NewResumeCommand(deps *cli.Deps) *cobra.Command {
	s := &steering.Command{Deps: deps, Decide: intent.Resume, Settled: steering.Resumed}
	cmd := &cobra.Command{
		Use:     "resume NAME...",
		Short:   "End a pause, whatever started it",
		Example: "  kubectl queueworker resume emails\n  kubectl queueworker resume --worker emails-worker-7d4b9-x2x4q",
		GroupID: cli.GroupAct,
		RunE:    func(cmd *cobra.Command, names []string) error { return s.Run(cmd.Context(), names) },
	}
	s.AddFlags(cmd)
	s.AddWorkerFlag(cmd, "Resume this worker (its pod) only.")
	s.AddWaitFlags(cmd, "the workers take jobs again")
	return cmd
}
