// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"github.com/spf13/cobra"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/queuecommand"
)

// NewClearCommand returns `kubectl queueworker clear`.
func NewClearCommand(deps *cli.Deps) *cobra.Command {
	c := &queuecommand.Command{Deps: deps}
	var confirm cli.Confirmation
	cmd := &cobra.Command{
		Use:               "clear QUEUE",
		Short:             "Delete all jobs of a queue",
		Example:           "  kubectl queueworker clear reports --app shop",
		GroupID:           cli.GroupJobs,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, queues []string) error {
			return c.Validated(func() error {
				if err := c.Sure(cmd.Context(), &confirm, "All jobs that wait on the queue "+queues[0]+" are deleted, delayed ones too; nothing brings them back."); err != nil {
					return err
				}
				return c.Do(cmd.Context(), v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionClearQueue, Queue: queues[0]}, "Queue "+queues[0]+" is cleared")
			})
		},
	}
	c.AddWriteFlags(cmd)
	confirm.AddFlag(cmd)
	return cmd
}
