// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/render"
	"queueworker.dev/queueworker/plugin/wording"
)

type statusCommand struct {
	deps  *cli.Deps
	scope cli.Scope
	watch cli.WatchFlag
	// app is the QueueApp whose pools are shown; empty if one pool or all pools are
	// shown.
	app string
	// named is true if one pool is shown.
	named bool
}

// NewStatusCommand returns `kubectl queueworker status`.
func NewStatusCommand(deps *cli.Deps) *cobra.Command {
	c := &statusCommand{deps: deps}
	cmd := &cobra.Command{
		Use:   "status [NAME]",
		Short: "Show everything about a QueueWorker or QueueApp, and what to do about problems",
		Long: "Show a QueueWorker, a QueueApp with its QueueWorkers, or everything in the namespace, as a tree: backlog, throughput, size and the last decisions about it, workers, and conditions with what to do.\n\n" +
			"NAME is a QueueWorker, or a QueueApp if there is no such QueueWorker. qapp/NAME is always a QueueApp.",
		Example:           "  kubectl queueworker status emails\n  kubectl queueworker status qapp/shop --watch",
		GroupID:           cli.GroupSee,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: deps.CompleteWorkersAndApps,
		RunE:              func(cmd *cobra.Command, names []string) error { return c.run(cmd.Context(), names) },
	}
	c.scope.AddFlags(cmd)
	c.watch.AddFlag(cmd)
	return cmd
}

func (c *statusCommand) run(ctx context.Context, names []string) error {
	cluster, err := c.deps.Connect()
	if err != nil {
		return err
	}
	names, err = c.choose(ctx, cluster, names)
	if err != nil {
		return err
	}
	from, err := c.scope.Source(c.deps, cluster, names)
	if err != nil {
		return err
	}
	from.Scope.App = c.app
	return c.watch.Run(ctx, c.deps, cluster, from, func(snapshot *view.Snapshot, out, _ io.Writer) error {
		if err := c.addApps(ctx, cluster, snapshot); err != nil {
			return err
		}
		return c.draw(snapshot, cluster, out)
	})
}

// choose finds out whether a name belongs to a QueueWorker or to a QueueApp. It returns
// the names of the QueueWorkers to read.
func (c *statusCommand) choose(ctx context.Context, cluster *cli.Cluster, names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	kind, name := "", names[0]
	if before, after, qualified := strings.Cut(name, "/"); qualified {
		kind, name = before, after
	}
	worker, app, err := kindOf(kind)
	if err != nil {
		return nil, err
	}
	if c.scope.AllNamespaces || c.scope.Selector != "" {
		return nil, cli.Usage("give a name, or select several with --all-namespaces or --selector, but not both")
	}
	key := client.ObjectKey{Namespace: cluster.Namespace, Name: name}
	if worker {
		err := cluster.Client.Get(ctx, key, &v1alpha1.QueueWorker{})
		if !apierrors.IsNotFound(err) || !app {
			c.named = true
			return []string{name}, err
		}
	}
	c.app = name
	err = cluster.Client.Get(ctx, key, &v1alpha1.QueueApp{})
	if apierrors.IsNotFound(err) && worker {
		return nil, cli.NotFound("there is no QueueWorker and no QueueApp named %s in the namespace %s; kubectl queueworker list shows the QueueWorkers", name, cluster.Namespace)
	}
	return nil, err
}

// kindOf reads the kind in kind/name, in all spellings that kubectl allows. Without a
// kind, the name may be a QueueWorker's or a QueueApp's.
func kindOf(kind string) (worker, app bool, err error) {
	switch strings.ToLower(kind) {
	case "":
		return true, true, nil
	case "qw", "queueworker", "queueworkers", "queueworker.queueworker.dev":
		return true, false, nil
	case "qapp", "queueapp", "queueapps", "queueapp.queueworker.dev":
		return false, true, nil
	}
	return false, false, cli.Usage("there is no kind %q; write qw/NAME for a QueueWorker or qapp/NAME for a QueueApp", kind)
}

// addApps adds the QueueApps that the picture shows. Without the right to list QueueApps,
// only their names are known.
func (c *statusCommand) addApps(ctx context.Context, cluster *cli.Cluster, snapshot *view.Snapshot) error {
	apps := &v1alpha1.QueueAppList{}
	options := []client.ListOption{}
	if !c.scope.AllNamespaces {
		options = append(options, client.InNamespace(cluster.Namespace))
	}
	if err := cluster.Client.List(ctx, apps, options...); err != nil && !apierrors.IsForbidden(err) {
		return fmt.Errorf("list QueueApps: %w", err)
	}
	snapshot.Apps = apps.Items
	switch {
	case c.app != "":
		snapshot.KeepApp(c.app)
	case c.named || c.scope.Selector != "":
		snapshot.KeepUsedApps()
	}
	return nil
}

// nothing returns the text for an empty picture. Labels do not select QueueApps.
func (c *statusCommand) nothing(cluster *cli.Cluster) string {
	if c.scope.Selector != "" {
		return c.scope.Nothing("QueueWorkers", cluster)
	}
	return c.scope.Nothing("QueueApps and no QueueWorkers", cluster)
}

func (c *statusCommand) draw(snapshot *view.Snapshot, cluster *cli.Cluster, out io.Writer) error {
	var paint render.Paint
	if c.deps.Colour() {
		paint = render.Colours
	}
	text := render.Tree(render.StatusTree(snapshot, paint))
	if text == "" {
		text = c.nothing(cluster) + "\n"
	}
	if note := wording.Freshness(snapshot.Freshness()); note != "" {
		text += "\n" + note + "\n"
	}
	_, err := io.WriteString(out, text)
	return err
}
