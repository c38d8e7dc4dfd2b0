// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"io"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/render"
)

// NewExplainCommand returns `kubectl queueworker explain`.
func NewExplainCommand(deps *cli.Deps) *cobra.Command {
	return &cobra.Command{
		Use:               "explain NAME",
		Short:             "Say why a QueueWorker has its number of processes",
		Example:           "  kubectl queueworker explain emails",
		GroupID:           cli.GroupSee,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: deps.CompleteWorkers(1),
		RunE:              func(cmd *cobra.Command, names []string) error { return explain(cmd.Context(), deps, names[0]) },
	}
}

func explain(ctx context.Context, deps *cli.Deps, name string) error {
	cluster, err := deps.Connect()
	if err != nil {
		return err
	}
	pool := &v1alpha1.QueueWorker{}
	if err := cluster.Client.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: name}, pool); err != nil {
		return err
	}
	var app *v1alpha1.QueueApp
	found := &v1alpha1.QueueApp{}
	// Without the QueueApp, everything but its cap is explained.
	if cluster.Client.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: pool.Status.AppName}, found) == nil {
		app = found
	}
	now := deps.Now()
	why := view.Explain(now, pool, app)
	_, err = io.WriteString(deps.Streams.Out, render.Explanation(&why, now))
	return err
}
