// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package source reads what the plugin shows, with the caller's rights: QueueWorkers,
// their pods, and the agents' answers through the proxy of the pods. It leaves out what
// the caller may not read, and the snapshot says so.
package source

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
)

// Scope says which objects to read.
type Scope struct {
	// Namespace is the namespace to read; empty means all namespaces.
	Namespace string
	// Name is the QueueWorker to read; empty means all.
	Name string
	// App is the QueueApp whose QueueWorkers are read; empty means the QueueWorkers of
	// all QueueApps.
	App string
	// Selector selects QueueWorkers by their labels; nil means all.
	Selector labels.Selector
}

// Source reads snapshots.
type Source struct {
	// Reader lists QueueWorkers and pods.
	Reader client.Reader
	// Core reaches agents.
	Core corev1client.CoreV1Interface
	// Scope says which objects to read.
	Scope Scope
	// PoolsOnly leaves out pods and agents.
	PoolsOnly bool
	// Now is the clock.
	Now func() time.Time

	// proxyRefused is when to ask agents again after the cluster has refused.
	proxyRefused time.Time
	allowed      rights
	// memory is set by Follow.
	memory *following
}

// refusalHolds is how long a refused caller does not try again.
const refusalHolds = time.Minute

// Read reads a snapshot. It fails if QueueWorkers cannot be read.
func (s *Source) Read(ctx context.Context) (*view.Snapshot, error) {
	if s.memory != nil {
		if err := s.alive(ctx); err != nil {
			return nil, fmt.Errorf("reach the cluster: %w", err)
		}
	}
	snapshot := &view.Snapshot{Time: s.Now()}
	pools, err := s.pools(ctx)
	if err != nil {
		return nil, err
	}
	snapshot.Pools = pools
	if !s.PoolsOnly {
		if err := s.pods(ctx, snapshot); err != nil {
			return nil, err
		}
		if !snapshot.PodsRefused {
			s.ask(ctx, snapshot)
		}
	}
	snapshot.Time = s.Now()
	return snapshot, nil
}

func (s *Source) pools(ctx context.Context) ([]v1alpha1.QueueWorker, error) {
	reader := s.Reader
	if s.memory != nil {
		reader = s.memory.cache
	}
	if s.Scope.Name != "" {
		pool := &v1alpha1.QueueWorker{}
		if err := reader.Get(ctx, client.ObjectKey{Namespace: s.Scope.Namespace, Name: s.Scope.Name}, pool); err != nil {
			return nil, fmt.Errorf("read the QueueWorker %s: %w", s.Scope.Name, err)
		}
		return []v1alpha1.QueueWorker{*pool}, nil
	}
	list := &v1alpha1.QueueWorkerList{}
	options := []client.ListOption{client.InNamespace(s.Scope.Namespace)}
	if s.Scope.Selector != nil {
		options = append(options, client.MatchingLabelsSelector{Selector: s.Scope.Selector})
	}
	if err := reader.List(ctx, list, options...); err != nil {
		return nil, fmt.Errorf("list QueueWorkers: %w", err)
	}
	if s.Scope.App != "" {
		list.Items = slices.DeleteFunc(list.Items, func(pool v1alpha1.QueueWorker) bool { return view.AppOf(&pool) != s.Scope.App })
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.QueueWorker) int {
		return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
	})
	return list.Items, nil
}

// pods adds the pools' pods to a snapshot.
func (s *Source) pods(ctx context.Context, snapshot *view.Snapshot) error {
	list := &corev1.PodList{}
	options := []client.ListOption{client.InNamespace(s.Scope.Namespace), client.HasLabels{v1alpha1.LabelName}}
	if s.Scope.Name != "" {
		options[1] = client.MatchingLabels{v1alpha1.LabelName: s.Scope.Name}
	}
	reader := s.Reader
	if s.memory != nil && s.memory.pods {
		reader = s.memory.cache
	}
	err := reader.List(ctx, list, options...)
	if apierrors.IsForbidden(err) {
		snapshot.PodsRefused = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("list worker pods: %w", err)
	}
	wanted := map[client.ObjectKey]bool{}
	for i := range snapshot.Pools {
		wanted[client.ObjectKeyFromObject(&snapshot.Pools[i])] = true
	}
	for i := range list.Items {
		pod := &list.Items[i]
		pool := pod.Labels[v1alpha1.LabelName]
		if !wanted[client.ObjectKey{Namespace: pod.Namespace, Name: pool}] {
			continue
		}
		snapshot.Pods = append(snapshot.Pods, view.Pod{
			Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, Pool: pool,
			Phase: pod.Status.Phase, Leaving: pod.DeletionTimestamp != nil,
		})
	}
	return nil
}
