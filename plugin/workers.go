// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/output"
	"queueworker.dev/queueworker/plugin/render"
	"queueworker.dev/queueworker/plugin/wording"
)

type workersCommand struct {
	deps   *Deps
	output output.Flags
	scope  scope
	watch  watchFlag
}

// NewWorkersCommand returns `kubectl queueworker workers`.
func NewWorkersCommand(deps *Deps) *cobra.Command {
	c := &workersCommand{deps: deps}
	cmd := &cobra.Command{
		Use:   "workers [NAME]",
		Short: "List the worker processes with what each of them does",
		Long: "List the worker processes of a QueueWorker, or of all in the namespace: queue, status, process id, age, jobs, memory, CPU and current job.\n\n" +
			"The agents in the pods are asked where you may `get` `pods/proxy`. Else rows are as the QueueWorker's status has them, which lags by up to a minute.",
		Example:           "  kubectl queueworker workers emails\n  kubectl queueworker workers --watch\n  kubectl queueworker workers emails -o json",
		GroupID:           groupSee,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: deps.CompleteWorkers(1),
		RunE:              func(cmd *cobra.Command, names []string) error { return c.run(cmd.Context(), names) },
	}
	c.output.AddFlags(cmd)
	c.scope.addFlags(cmd)
	c.watch.addFlag(cmd)
	return cmd
}

func (c *workersCommand) run(ctx context.Context, names []string) error {
	if err := c.output.Validate(); err != nil {
		return Usage("%w", err)
	}
	if err := c.watch.validate(c.output.Table()); err != nil {
		return err
	}
	cluster, err := c.deps.Connect()
	if err != nil {
		return err
	}
	from, err := c.scope.source(c.deps, cluster, names)
	if err != nil {
		return err
	}
	return c.watch.run(ctx, c.deps, cluster, from, func(snapshot *view.Snapshot, out, errOut io.Writer) error {
		return c.print(snapshot, cluster, out, errOut)
	})
}

func (c *workersCommand) print(snapshot *view.Snapshot, cluster *Cluster, out, errOut io.Writer) error {
	listing := render.WorkerTable(snapshot.Workers(), snapshot.Time, c.scope.allNamespaces)
	listing.Empty = render.NoWorkers(snapshot, c.scope.nothing("QueueWorkers", cluster))
	if err := c.output.Print(out, errOut, listing); err != nil {
		return err
	}
	if note := wording.Freshness(snapshot.Freshness()); note != "" && c.output.Table() && len(listing.Rows) > 0 {
		_, err := io.WriteString(errOut, note+"\n")
		return err
	}
	return nil
}
