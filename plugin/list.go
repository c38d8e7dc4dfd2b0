// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/cli/output"
	"queueworker.dev/queueworker/plugin/render"
)

type listCommand struct {
	deps   *cli.Deps
	output output.Flags
	scope  cli.Scope
	watch  cli.WatchFlag
}

// NewListCommand returns `kubectl queueworker list`.
func NewListCommand(deps *cli.Deps) *cobra.Command {
	l := &listCommand{deps: deps}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the QueueWorkers with their state, backlog and throughput",
		Example: "  kubectl queueworker list --watch\n  kubectl queueworker list --all-namespaces -o wide",
		GroupID: cli.GroupSee,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return l.run(cmd.Context()) },
	}
	l.output.AddFlags(cmd)
	l.scope.AddFlags(cmd)
	l.watch.AddFlag(cmd)
	return cmd
}

func (l *listCommand) run(ctx context.Context) error {
	if err := l.output.Validate(); err != nil {
		return cli.Usage("%w", err)
	}
	if err := l.watch.Validate(l.output.Table()); err != nil {
		return err
	}
	cluster, err := l.deps.Connect()
	if err != nil {
		return err
	}
	from, err := l.scope.Source(l.deps, cluster, nil)
	if err != nil {
		return err
	}
	from.PoolsOnly = true
	return l.watch.Run(ctx, l.deps, cluster, from, func(snapshot *view.Snapshot, out, errOut io.Writer) error {
		listing := render.Pools(&v1alpha1.QueueWorkerList{Items: snapshot.Pools}, snapshot.Time, l.scope.AllNamespaces)
		listing.Empty = l.scope.Nothing("QueueWorkers", cluster)
		return l.output.Print(out, errOut, listing)
	})
}
