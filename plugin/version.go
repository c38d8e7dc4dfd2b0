// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"queueworker.dev/queueworker/console/doctor"
	"queueworker.dev/queueworker/console/survey"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/cli"
)

// NewVersionCommand returns `kubectl queueworker version`.
func NewVersionCommand(deps *cli.Deps) *cobra.Command {
	var clientOnly bool
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Show the versions of this plugin and of the operator in the cluster",
		GroupID: cli.GroupSetUp,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintf(deps.Streams.Out, "Plugin:   %s (%s %s/%s)\n", deps.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			if clientOnly {
				return nil
			}
			cluster, err := deps.Connect()
			if err != nil {
				return err
			}
			return printOperators(cmd.Context(), deps, cluster)
		},
	}
	cmd.Flags().BoolVar(&clientOnly, "client", false, "Show only the plugin's version, without asking the cluster.")
	return cmd
}

// printOperators prints the versions of the operators. A Deployment that has only the
// operator's label, without its rights, does not count.
func printOperators(ctx context.Context, deps *cli.Deps, cluster *cli.Cluster) error {
	operators, unproven, err := survey.Operators(ctx, cluster.Client, doctor.Input{})
	switch {
	case apierrors.IsForbidden(err):
		missing := "list deployments in all namespaces"
		if unproven > 0 {
			missing = "create subjectaccessreviews, which distinguish the operator from other Deployments with its label"
		}
		_, err = fmt.Fprintln(deps.Streams.Out, "Operator: not shown, because you may not "+missing)
		return err
	case err != nil:
		return err
	case len(operators) == 0:
		return cli.NotFound("no operator is installed in this cluster; install QueueWorker's chart")
	}
	for i := range operators {
		fmt.Fprintln(deps.Streams.Out, "Operator: "+view.Clean(operatorVersion(&operators[i])))
	}
	return nil
}

// operatorVersion describes an operator by its images and its namespace.
func operatorVersion(operator *appsv1.Deployment) string {
	images := make([]string, 0, len(operator.Spec.Template.Spec.Containers))
	for i := range operator.Spec.Template.Spec.Containers {
		images = append(images, operator.Spec.Template.Spec.Containers[i].Image)
	}
	return fmt.Sprintf("%s in the namespace %s, %d of %d ready",
		strings.Join(images, ", "), operator.Namespace, operator.Status.ReadyReplicas, operator.Status.Replicas)
}
