// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/doctor"
	"queueworker.dev/queueworker/plugin/output"
	"queueworker.dev/queueworker/plugin/render"
)

type doctorCommand struct {
	deps   *Deps
	output output.Flags
	scope  scope
}

// NewDoctorCommand returns `kubectl queueworker doctor`.
func NewDoctorCommand(deps *Deps) *cobra.Command {
	d := &doctorCommand{deps: deps}
	cmd := &cobra.Command{
		Use:   "doctor [NAME]",
		Short: "Find what keeps workers from their work, with cause and cure",
		Long: `Look at the installation, at your rights and the operator's, at what the agents found in the images
(pcntl, memory_limit, log channel, ...), and at every pool: connection, timeouts, stuck or failing workers.
It ends with 1 if anything is wrong; warnings alone are no failure.`,
		Example:           "  kubectl queueworker doctor\n  kubectl queueworker doctor emails\n  kubectl queueworker doctor -A -o json",
		GroupID:           groupSetUp,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: deps.CompleteWorkers(1),
		RunE:              func(cmd *cobra.Command, names []string) error { return d.run(cmd.Context(), names) },
	}
	d.output.AddFlags(cmd)
	d.scope.addFlags(cmd)
	return cmd
}

func (d *doctorCommand) run(ctx context.Context, names []string) error {
	if err := d.output.Validate(); err != nil {
		return Usage("%w", err)
	}
	if len(names) > 0 && (d.scope.allNamespaces || d.scope.selector != "") {
		return Usage("a name, and --all-namespaces or --selector, exclude each other")
	}
	cluster, err := d.deps.Connect()
	if err != nil {
		return err
	}
	in, err := d.look(ctx, cluster, names)
	if err != nil {
		return err
	}
	findings := doctor.Examine(in)
	if err := d.print(findings); err != nil {
		return err
	}
	return verdict(findings)
}

// verdict returns the error that doctor ends with; warnings alone are no failure.
func verdict(findings []doctor.Finding) error {
	if wrong := doctor.Count(findings, doctor.Wrong); wrong > 0 {
		return fmt.Errorf("%d of %d checks failed", wrong, len(findings))
	}
	return nil
}

func (d *doctorCommand) print(findings []doctor.Finding) error {
	if !d.output.Table() || d.output.Wide() {
		return d.output.Print(d.deps.Streams.Out, d.deps.Streams.ErrOut, render.Findings(render.Words(findings, told)))
	}
	var paint render.Paint
	if d.deps.Colour() {
		paint = render.Colours
	}
	_, err := io.WriteString(d.deps.Streams.Out, render.FindingsText(render.Words(findings, told), paint))
	return err
}

// look reads everything there is to judge. It notes what the caller may not see and still
// judges the rest; only a cluster that does not answer ends it.
func (d *doctorCommand) look(ctx context.Context, cluster *Cluster, names []string) (doctor.Input, error) {
	in := doctor.Input{Now: d.deps.Now(), Namespace: cluster.Namespace, Selector: d.scope.selector}
	if d.scope.allNamespaces {
		in.Namespace = ""
	}
	var err error
	if in.Kinds, err = served(cluster); err != nil {
		return in, err
	}
	if in.Mine, err = mine(ctx, cluster, in.Namespace); err != nil {
		return in, err
	}
	err = d.objects(ctx, cluster, names, &in)
	if err != nil && !apierrors.IsForbidden(err) && !meta.IsNoMatchError(err) { // findings report these
		return in, err
	}
	in.Operators, in.Unproven, in.OperatorsError = operatorsOf(ctx, cluster, in)
	in.Theirs, in.TheirsError = theirs(ctx, cluster, in)
	return in, nil
}

// told returns an error as a sentence; empty for nil.
func told(err error) string {
	if err == nil {
		return ""
	}
	_, sentence := Explain(err)
	return sentence
}

// served returns QueueWorker's resources that the cluster serves.
func served(cluster *Cluster) ([]string, error) {
	asking, err := discovery.NewDiscoveryClientForConfig(cluster.Config)
	if err != nil {
		return nil, fmt.Errorf("ask what the cluster serves: %w", err)
	}
	found, err := asking.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask what the cluster serves: %w", err)
	}
	var names []string
	for _, resource := range found.APIResources {
		names = append(names, resource.Name)
	}
	return names, nil
}

// mine asks which of the rights that the commands need the caller has.
func mine(ctx context.Context, cluster *Cluster, namespace string) ([]doctor.Right, error) {
	rights := doctor.Wanted()
	for i := range rights {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: attributes(rights[i], namespace)}}
		if err := cluster.Client.Create(ctx, review); err != nil {
			return nil, fmt.Errorf("ask for your rights: %w", err)
		}
		rights[i].Allowed = review.Status.Allowed
	}
	return rights, nil
}

func attributes(right doctor.Right, namespace string) *authorizationv1.ResourceAttributes {
	return &authorizationv1.ResourceAttributes{
		Namespace: namespace, Group: right.Group, Resource: right.Resource, Subresource: right.Subresource, Verb: right.Verb,
	}
}

// objects reads the selected QueueWorkers and their QueueApps.
func (d *doctorCommand) objects(ctx context.Context, cluster *Cluster, names []string, in *doctor.Input) error {
	wanted := map[string]bool{}
	if len(names) == 1 {
		worker := v1alpha1.QueueWorker{}
		if err := cluster.Client.Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: names[0]}, &worker); err != nil {
			return fmt.Errorf("read QueueWorker %s: %w", names[0], err)
		}
		in.Workers = []v1alpha1.QueueWorker{worker}
		wanted[worker.Status.AppName] = true
	} else {
		pools, err := d.scope.pools(ctx, cluster)
		if err != nil {
			return err
		}
		in.Workers = pools.Items
	}
	apps := &v1alpha1.QueueAppList{}
	err := cluster.Client.List(ctx, apps, client.InNamespace(in.Namespace))
	if err != nil && !apierrors.IsForbidden(err) {
		return fmt.Errorf("list QueueApps: %w", err)
	}
	in.AppsError = err
	for i := range apps.Items {
		app := &apps.Items[i]
		if len(names) == 0 || wanted[app.Name] {
			in.Apps = append(in.Apps, doctor.App{Namespace: app.Namespace, Name: app.Name, Conditions: app.Status.Conditions})
		}
	}
	return nil
}
