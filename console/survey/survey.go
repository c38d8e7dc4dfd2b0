// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package survey reads everything that package doctor judges, with the caller's own
// rights.
package survey

import (
	"context"
	"fmt"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/doctor"
)

// Survey says what to read, and how.
type Survey struct {
	Client client.Client
	// Config describes how to reach the cluster.
	Config *rest.Config
	// Now is the clock.
	Now func() time.Time
	// Namespace is where the objects are; empty means all namespaces.
	Namespace string
	// Name is the QueueWorker to look at; empty means all QueueWorkers with the labels of
	// Selector.
	Name     string
	Selector labels.Selector
}

// Read reads everything there is to judge. It notes what the caller may not see and still
// reads the rest; only a cluster that does not answer ends it.
func (s *Survey) Read(ctx context.Context) (doctor.Input, error) {
	in := doctor.Input{Now: s.Now(), Namespace: s.Namespace}
	var err error
	if in.Kinds, err = s.served(); err != nil {
		return in, err
	}
	if in.Mine, err = s.mine(ctx); err != nil {
		return in, err
	}
	err = s.objects(ctx, &in)
	if err != nil && !apierrors.IsForbidden(err) && !meta.IsNoMatchError(err) { // findings report these
		return in, err
	}
	in.Operators, in.Unproven, in.OperatorsError = Operators(ctx, s.Client, in)
	in.Theirs, in.TheirsError = Powers(ctx, s.Client, in)
	return in, nil
}

// served returns QueueWorker's resources that the cluster serves.
func (s *Survey) served() ([]string, error) {
	asking, err := discovery.NewDiscoveryClientForConfig(s.Config)
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
func (s *Survey) mine(ctx context.Context) ([]doctor.Right, error) {
	rights := doctor.Wanted()
	for i := range rights {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: attributes(rights[i], s.Namespace)}}
		if err := s.Client.Create(ctx, review); err != nil {
			return nil, fmt.Errorf("ask for your rights: %w", err)
		}
		rights[i].Allowed = review.Status.Allowed
	}
	return rights, nil
}

// objects reads the selected QueueWorkers and their QueueApps.
func (s *Survey) objects(ctx context.Context, in *doctor.Input) error {
	if err := s.workers(ctx, in); err != nil {
		return err
	}
	apps := &v1alpha1.QueueAppList{}
	err := s.Client.List(ctx, apps, client.InNamespace(s.Namespace))
	if err != nil && !apierrors.IsForbidden(err) {
		return fmt.Errorf("list QueueApps: %w", err)
	}
	in.AppsError = err
	for i := range apps.Items {
		app := &apps.Items[i]
		if s.Name == "" || in.Workers[0].Status.AppName == app.Name {
			in.Apps = append(in.Apps, doctor.App{Namespace: app.Namespace, Name: app.Name, Conditions: app.Status.Conditions})
		}
	}
	return nil
}

func (s *Survey) workers(ctx context.Context, in *doctor.Input) error {
	if s.Name != "" {
		worker := v1alpha1.QueueWorker{}
		if err := s.Client.Get(ctx, client.ObjectKey{Namespace: s.Namespace, Name: s.Name}, &worker); err != nil {
			return fmt.Errorf("read QueueWorker %s: %w", s.Name, err)
		}
		in.Workers = []v1alpha1.QueueWorker{worker}
		return nil
	}
	pools := &v1alpha1.QueueWorkerList{}
	options := []client.ListOption{client.InNamespace(s.Namespace)}
	if s.Selector != nil {
		options = append(options, client.MatchingLabelsSelector{Selector: s.Selector})
	}
	if err := s.Client.List(ctx, pools, options...); err != nil {
		return fmt.Errorf("list QueueWorkers: %w", err)
	}
	in.Workers = pools.Items
	return nil
}
