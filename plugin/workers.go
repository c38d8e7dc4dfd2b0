// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/output"
	"queueworker.dev/queueworker/plugin/render"
	"queueworker.dev/queueworker/plugin/wording"
)

type workersCommand struct {
	deps   *cli.Deps
	output output.Flags
	scope  cli.Scope
	watch  cli.WatchFlag
}

// NewWorkersCommand returns `kubectl queueworker workers`.
func NewWorkersCommand(deps *cli.Deps) *cobra.Command {
	c := &workersCommand{deps: deps}
	cmd := &cobra.Command{
		Use:   "workers [NAME]",
		Short: "List the worker processes and what each of them does",
		Long: "List the worker processes of a QueueWorker, or of all QueueWorkers in the namespace: queue, status, process id, age, jobs, memory, CPU and current job.\n\n" +
			"The command asks the agents in the pods if you may `get` `pods/proxy`. Otherwise the rows come from the QueueWorker's status, which lags by up to a minute.",
		Example:           "  kubectl queueworker workers emails\n  kubectl queueworker workers --watch\n  kubectl queueworker workers emails -o json",
		GroupID:           cli.GroupSee,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: deps.CompleteWorkers(1),
		RunE:              func(cmd *cobra.Command, names []string) error { return c.run(cmd.Context(), names) },
	}
	c.output.AddFlags(cmd)
	c.scope.AddFlags(cmd)
	c.watch.AddFlag(cmd)
	return cmd
}

func (c *workersCommand) run(ctx context.Context, names []string) error {
	if err := c.output.Validate(); err != nil {
		return cli.Usage("%w", err)
	}
	if err := c.watch.Validate(c.output.Table()); err != nil {
		return err
	}
	cluster, err := c.deps.Connect()
	if err != nil {
		return err
	}
	from, err := c.scope.Source(c.deps, cluster, names)
	if err != nil {
		return err
	}
	return c.watch.Run(ctx, c.deps, cluster, from, func(snapshot *view.Snapshot, out, errOut io.Writer) error {
		return c.print(snapshot, cluster, out, errOut)
	})
}

func (c *workersCommand) print(snapshot *view.Snapshot, cluster *cli.Cluster, out, errOut io.Writer) error {
	listing := render.WorkerTable(snapshot.Workers(), snapshot.Time, c.scope.AllNamespaces)
	listing.Empty = render.NoWorkers(snapshot, c.scope.Nothing("QueueWorkers", cluster))
	if err := c.output.Print(out, errOut, listing); err != nil {
		return err
	}
	if note := wording.Freshness(snapshot.Freshness()); note != "" && c.output.Table() && len(listing.Rows) > 0 {
		_, err := io.WriteString(errOut, note+"\n")
		return err
	}
	return nil
}
