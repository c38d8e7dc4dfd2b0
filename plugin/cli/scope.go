// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/source"
)

// Scope holds the flags that say which objects a command looks at.
type Scope struct {
	AllNamespaces bool
	Selector      string
}

// AddFlags adds the flags to a command.
func (s *Scope) AddFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&s.AllNamespaces, "all-namespaces", "A", false, "Look in all namespaces.")
	cmd.Flags().StringVarP(&s.Selector, "selector", "l", "", "Look only at QueueWorkers with these labels, such as team=shop.")
}

// Labels returns the selector of --selector.
func (s *Scope) Labels() (labels.Selector, error) {
	selector, err := labels.Parse(s.Selector)
	if err != nil {
		return nil, Usage("--selector %q cannot be read: %w", s.Selector, err)
	}
	return selector, nil
}

// Pools lists the QueueWorkers in scope.
func (s *Scope) Pools(ctx context.Context, cluster *Cluster) (*v1alpha1.QueueWorkerList, error) {
	selector, err := s.Labels()
	if err != nil {
		return nil, err
	}
	options := []client.ListOption{client.MatchingLabelsSelector{Selector: selector}}
	if !s.AllNamespaces {
		options = append(options, client.InNamespace(cluster.Namespace))
	}
	pools := &v1alpha1.QueueWorkerList{}
	if err := cluster.Client.List(ctx, pools, options...); err != nil {
		return nil, fmt.Errorf("list QueueWorkers: %w", err)
	}
	return pools, nil
}

// Source reads snapshots of the QueueWorkers in scope, or of the one QueueWorker that is
// named.
func (s *Scope) Source(deps *Deps, cluster *Cluster, names []string) (*source.Source, error) {
	from := &source.Source{Reader: cluster.Client, Core: cluster.Core, Now: deps.Now}
	selector, err := s.Labels()
	if err != nil {
		return nil, err
	}
	from.Scope = source.Scope{Namespace: cluster.Namespace, Selector: selector}
	if s.AllNamespaces {
		from.Scope.Namespace = ""
	}
	if len(names) > 0 {
		if s.AllNamespaces || s.Selector != "" {
			return nil, Usage("name a QueueWorker, or select several with --all-namespaces or --selector, but not both")
		}
		from.Scope.Name = names[0]
	}
	return from, nil
}

// Labelled returns a suffix for a place that names the selected labels; empty without a
// selector.
func (s *Scope) Labelled() string {
	if s.Selector == "" {
		return ""
	}
	return " with the labels " + s.Selector
}

// Nothing returns the text for a scope without objects.
func (s *Scope) Nothing(what string, cluster *Cluster) string {
	where := "in any namespace"
	if !s.AllNamespaces {
		where = "in the namespace " + cluster.Namespace
	}
	return "There are no " + what + " " + where + s.Labelled() + "."
}
