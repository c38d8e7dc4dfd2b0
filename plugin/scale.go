// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"github.com/spf13/cobra"

	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/steering"
)

// NewScaleCommand returns `kubectl queueworker scale`.
func NewScaleCommand(deps *cli.Deps) *cobra.Command {
	var processes, lowest, highest int32
	var size intent.Size
	s := &steering.Command{Deps: deps, Settled: steering.Sized}
	s.Decide = func(in intent.Input) (intent.Plan, error) { return intent.Scale(in, size) }
	cmd := &cobra.Command{
		Use:     "scale NAME...",
		Short:   "Set the number of processes of pools, or the bounds of autoscaling",
		Example: "  kubectl queueworker scale emails --processes 8\n  kubectl queueworker scale reports --min 0 --max 20",
		GroupID: cli.GroupAct,
		RunE: func(cmd *cobra.Command, names []string) error {
			for name, target := range map[string]**int32{"processes": &size.Processes, "min": &size.Lowest, "max": &size.Highest} {
				if cmd.Flags().Changed(name) {
					*target = map[string]*int32{"processes": &processes, "min": &lowest, "max": &highest}[name]
				}
			}
			return s.Run(cmd.Context(), names)
		},
	}
	s.AddFlags(cmd)
	s.AddWaitFlags(cmd, "the pool has that size")
	cmd.Flags().Int32Var(&processes, "processes", 0, "Number of processes, 0 to 1000.")
	cmd.Flags().Int32Var(&lowest, "min", 0, "Minimum number of processes under autoscaling.")
	cmd.Flags().Int32Var(&highest, "max", 0, "Maximum number of processes under autoscaling.")
	return cmd
}
