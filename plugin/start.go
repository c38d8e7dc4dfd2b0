// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"github.com/spf13/cobra"

	"queueworker.dev/queueworker/console/intent"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/steering"
)

// NewStartCommand returns `kubectl queueworker start`.
func NewStartCommand(deps *cli.Deps) *cobra.Command {
	s := &steering.Command{Deps: deps, Decide: intent.Start, Settled: steering.Ready}
	cmd := &cobra.Command{
		Use:     "start NAME...",
		Short:   "Start pools that were stopped",
		Example: "  kubectl queueworker start emails --wait",
		GroupID: cli.GroupAct,
		RunE:    func(cmd *cobra.Command, names []string) error { return s.Run(cmd.Context(), names) },
	}
	s.AddFlags(cmd)
	s.AddWaitFlags(cmd, "the pool is ready")
	return cmd
}
