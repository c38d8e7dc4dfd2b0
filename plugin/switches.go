// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"queueworker.dev/queueworker/console/intent"
)

// NewStartCommand returns `kubectl queueworker start`.
func NewStartCommand(deps *Deps) *cobra.Command {
	s := &steering{deps: deps, decide: intent.Start, settled: isReady}
	cmd := &cobra.Command{
		Use:     "start NAME...",
		Short:   "Start pools that were stopped",
		Example: "  kubectl queueworker start emails --wait",
		GroupID: groupAct,
		RunE:    func(cmd *cobra.Command, names []string) error { return s.run(cmd.Context(), names) },
	}
	s.addFlags(cmd)
	s.addWaitFlags(cmd, "the pool is ready")
	return cmd
}

// NewStopCommand returns `kubectl queueworker stop`.
func NewStopCommand(deps *Deps) *cobra.Command {
	var now bool
	s := &steering{deps: deps, settled: isGone}
	s.decide = func(in intent.Input) (intent.Plan, error) { return intent.Stop(in, now) }
	cmd := &cobra.Command{
		Use:   "stop NAME...",
		Short: "Stop pools, or let one worker go",
		Long: `Stop pools: their pods go, each after its running jobs and within its grace period. How
many processes a pool has is remembered.

With --worker one worker goes, after its jobs, and the pool becomes smaller by it. With --now every
process is killed in the middle of its job: it runs again once retry_after has passed. With one
try it is lost to the queue, and only the failed jobs have it, where the application keeps them.`,
		Example: "  kubectl queueworker stop emails --wait\n  kubectl queueworker stop --all --now\n  kubectl queueworker stop --worker emails-worker-7d4b9-x2x4q",
		GroupID: groupAct,
		RunE:    func(cmd *cobra.Command, names []string) error { return s.run(cmd.Context(), names) },
	}
	s.addFlags(cmd)
	s.addWorkerFlag(cmd, "Let this worker (its pod) go, and lower processes by it.")
	s.addWaitFlags(cmd, "the pods are gone")
	s.confirm.addFlag(cmd)
	cmd.Flags().BoolVar(&now, "now", false, "Kill running jobs instead of waiting for them.")
	return cmd
}

// NewPauseCommand returns `kubectl queueworker pause`.
func NewPauseCommand(deps *Deps) *cobra.Command {
	var length time.Duration
	s := &steering{deps: deps, settled: isPaused}
	s.decide = func(in intent.Input) (intent.Plan, error) {
		if length == 0 {
			return intent.Pause(in, nil)
		}
		end := in.Now.Add(length)
		return intent.Pause(in, &end)
	}
	cmd := &cobra.Command{
		Use:     "pause NAME...",
		Short:   "Have pools, or one worker, finish their jobs and take no more",
		Example: "  kubectl queueworker pause emails --wait\n  kubectl queueworker pause -l team=shop --for 2h\n  kubectl queueworker pause --worker emails-worker-7d4b9-x2x4q",
		GroupID: groupAct,
		RunE: func(cmd *cobra.Command, names []string) error {
			if cmd.Flags().Changed("for") && length <= 0 {
				return Usage("--for must be a duration above zero such as 30m or 2h")
			}
			return s.run(cmd.Context(), names)
		},
	}
	s.addFlags(cmd)
	s.addWorkerFlag(cmd, "Pause this worker (its pod) only.")
	s.addWaitFlags(cmd, "the last running job is finished")
	cmd.Flags().DurationVar(&length, "for", 0, "Resume by itself after so long, such as 2h.")
	return cmd
}

// NewResumeCommand returns `kubectl queueworker resume`.
func NewResumeCommand(deps *Deps) *cobra.Command {
	s := &steering{deps: deps, decide: intent.Resume, settled: isResumed}
	cmd := &cobra.Command{
		Use:     "resume NAME...",
		Short:   "End a pause, whoever began it",
		Example: "  kubectl queueworker resume emails\n  kubectl queueworker resume --worker emails-worker-7d4b9-x2x4q",
		GroupID: groupAct,
		RunE:    func(cmd *cobra.Command, names []string) error { return s.run(cmd.Context(), names) },
	}
	s.addFlags(cmd)
	s.addWorkerFlag(cmd, "Resume this worker (its pod) only.")
	s.addWaitFlags(cmd, "jobs are taken again")
	return cmd
}

// NewRestartCommand returns `kubectl queueworker restart`.
func NewRestartCommand(deps *Deps) *cobra.Command {
	var pods bool
	s := &steering{deps: deps, settled: isRecreated}
	s.decide = func(in intent.Input) (intent.Plan, error) { return intent.Restart(in, pods) }
	cmd := &cobra.Command{
		Use:   "restart NAME...",
		Short: "Restart the processes of pools or of one worker, each after its job",
		Long: `Restart the worker processes, each after its current job, as php artisan queue:restart does;
the pods stay. With --pods the pods are replaced too, one after the other.`,
		Example: "  kubectl queueworker restart --all\n  kubectl queueworker restart --worker emails-worker-7d4b9-x2x4q\n  kubectl queueworker restart emails --pods --wait",
		GroupID: groupAct,
		RunE: func(cmd *cobra.Command, names []string) error {
			if s.wait && !pods {
				return Usage("--wait goes with --pods; processes restart when their jobs are done, and `kubectl queueworker workers` shows since when each runs")
			}
			return s.run(cmd.Context(), names)
		},
	}
	s.addFlags(cmd)
	s.addWorkerFlag(cmd, "Restart the processes of this worker (its pod) only.")
	s.addWaitFlags(cmd, "every pod is a new one")
	cmd.Flags().BoolVar(&pods, "pods", false, "Replace the pods, not just the processes in them.")
	return cmd
}

// NewScaleCommand returns `kubectl queueworker scale`.
func NewScaleCommand(deps *Deps) *cobra.Command {
	var processes, lowest, highest int32
	var size intent.Size
	s := &steering{deps: deps, settled: isSized}
	s.decide = func(in intent.Input) (intent.Plan, error) { return intent.Scale(in, size) }
	cmd := &cobra.Command{
		Use:     "scale NAME...",
		Short:   "Set how many processes pools have, or between what autoscaling chooses",
		Example: "  kubectl queueworker scale emails --processes 8\n  kubectl queueworker scale reports --min 0 --max 20",
		GroupID: groupAct,
		RunE: func(cmd *cobra.Command, names []string) error {
			for name, target := range map[string]**int32{"processes": &size.Processes, "min": &size.Lowest, "max": &size.Highest} {
				if cmd.Flags().Changed(name) {
					*target = map[string]*int32{"processes": &processes, "min": &lowest, "max": &highest}[name]
				}
			}
			return s.run(cmd.Context(), names)
		},
	}
	s.addFlags(cmd)
	s.addWaitFlags(cmd, "the pool has that size")
	cmd.Flags().Int32Var(&processes, "processes", 0, "How many processes, 0 to 1000.")
	cmd.Flags().Int32Var(&lowest, "min", 0, "The least number of processes under autoscaling.")
	cmd.Flags().Int32Var(&highest, "max", 0, "The greatest number of processes under autoscaling.")
	return cmd
}

// isSized reports whether a pool has the desired number of processes.
func isSized(ctx context.Context, cluster *Cluster, in intent.Input) (bool, string, error) {
	ready, seen, err := isReady(ctx, cluster, in)
	return ready && in.Worker.Status.Processes == in.Worker.Status.Desired, seen, err
}
