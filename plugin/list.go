// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/source"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/output"
	"queueworker.dev/queueworker/plugin/render"
)

type listCommand struct {
	deps   *Deps
	output output.Flags
	scope  scope
	watch  watchFlag
}

// NewListCommand returns `kubectl queueworker list`.
func NewListCommand(deps *Deps) *cobra.Command {
	l := &listCommand{deps: deps}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the QueueWorkers with what they do",
		Example: "  kubectl queueworker list --watch\n  kubectl queueworker list --all-namespaces -o wide",
		GroupID: groupSee,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return l.run(cmd.Context()) },
	}
	l.output.AddFlags(cmd)
	l.scope.addFlags(cmd)
	l.watch.addFlag(cmd)
	return cmd
}

func (l *listCommand) run(ctx context.Context) error {
	if err := l.output.Validate(); err != nil {
		return Usage("%w", err)
	}
	if err := l.watch.validate(l.output.Table()); err != nil {
		return err
	}
	cluster, err := l.deps.Connect()
	if err != nil {
		return err
	}
	from, err := l.scope.source(l.deps, cluster, nil)
	if err != nil {
		return err
	}
	from.PoolsOnly = true
	return l.watch.run(ctx, l.deps, cluster, from, func(snapshot *view.Snapshot, out, errOut io.Writer) error {
		listing := render.Pools(&v1alpha1.QueueWorkerList{Items: snapshot.Pools}, snapshot.Time, l.scope.allNamespaces)
		listing.Empty = l.scope.nothing("QueueWorkers", cluster)
		return l.output.Print(out, errOut, listing)
	})
}

// scope holds the flags that say which objects a command looks at.
type scope struct {
	allNamespaces bool
	selector      string
}

func (s *scope) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&s.allNamespaces, "all-namespaces", "A", false, "Look in all namespaces.")
	cmd.Flags().StringVarP(&s.selector, "selector", "l", "", "Look only at QueueWorkers with these labels, such as team=shop.")
}

// pools lists the QueueWorkers in scope.
func (s *scope) pools(ctx context.Context, cluster *Cluster) (*v1alpha1.QueueWorkerList, error) {
	selector, err := labels.Parse(s.selector)
	if err != nil {
		return nil, Usage("--selector %q cannot be read: %w", s.selector, err)
	}
	options := []client.ListOption{client.MatchingLabelsSelector{Selector: selector}}
	if !s.allNamespaces {
		options = append(options, client.InNamespace(cluster.Namespace))
	}
	pools := &v1alpha1.QueueWorkerList{}
	if err := cluster.Client.List(ctx, pools, options...); err != nil {
		return nil, fmt.Errorf("list QueueWorkers: %w", err)
	}
	return pools, nil
}

// source reads snapshots of the QueueWorkers in scope, or of the one QueueWorker that is
// named.
func (s *scope) source(deps *Deps, cluster *Cluster, names []string) (*source.Source, error) {
	from := &source.Source{Reader: cluster.Client, Core: cluster.Core, Now: deps.Now}
	selector, err := labels.Parse(s.selector)
	if err != nil {
		return nil, Usage("--selector %q cannot be read: %w", s.selector, err)
	}
	from.Scope = source.Scope{Namespace: cluster.Namespace, Selector: selector}
	if s.allNamespaces {
		from.Scope.Namespace = ""
	}
	if len(names) > 0 {
		if s.allNamespaces || s.selector != "" {
			return nil, Usage("name a QueueWorker, or choose several with --all-namespaces or --selector, but not both")
		}
		from.Scope.Name = names[0]
	}
	return from, nil
}

// labelled returns a suffix for a place that names the selected labels; empty without a
// selector.
func (s *scope) labelled() string {
	if s.selector == "" {
		return ""
	}
	return " with the labels " + s.selector
}

// nothing returns the text for a scope without objects.
func (s *scope) nothing(what string, cluster *Cluster) string {
	where := "in any namespace"
	if !s.allNamespaces {
		where = "in the namespace " + cluster.Namespace
	}
	return "There are no " + what + " " + where + s.labelled() + "."
}
