// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// syncPatience is how long Follow waits until its cache is filled.
const syncPatience = 10 * time.Second

// Follow makes later snapshots come from memory, which a watch keeps up to date. A
// picture every two seconds then costs the API server only the agents' answers. If the
// caller may list but not watch, snapshots are still listed.
func (s *Source) Follow(ctx context.Context, config *rest.Config, scheme *runtime.Scheme) error {
	memory, err := cache.New(config, s.options(scheme))
	if err != nil {
		return fmt.Errorf("watch the cluster: %w", err)
	}
	objects := []client.Object{&v1alpha1.QueueWorker{}}
	if !s.PoolsOnly && s.mayList(ctx) {
		objects = append(objects, &corev1.Pod{})
	}
	go func() { _ = memory.Start(ctx) }() // it ends with ctx; its error says nothing else
	waiting, cancel := context.WithTimeout(ctx, syncPatience)
	defer cancel()
	for _, object := range objects {
		if _, err := memory.GetInformer(waiting, object); err != nil {
			return nil // snapshots are still listed
		}
	}
	s.memory = &following{cache: memory, pods: len(objects) > 1}
	return nil
}

// following is the memory that Follow keeps.
type following struct {
	cache cache.Cache
	// pods is true if the memory holds pods too. Otherwise pods are not needed, or the
	// caller may not list them.
	pods bool
}

// mayList reports whether the caller may list pods. A cache of objects that may not be
// listed never fills.
func (s *Source) mayList(ctx context.Context) bool {
	return s.Reader.List(ctx, &corev1.PodList{}, client.InNamespace(s.Scope.Namespace), client.Limit(1)) == nil
}

func (s *Source) options(scheme *runtime.Scheme) cache.Options {
	worker := cache.ByObject{Transform: slimWorker}
	pod := cache.ByObject{Transform: slimPod, Label: labels.NewSelector()}
	if owned, err := labels.Parse(v1alpha1.LabelName); err == nil {
		pod.Label = owned
	}
	if s.Scope.Name != "" {
		worker.Field = fields.OneTermEqualSelector("metadata.name", s.Scope.Name)
		pod.Label = labels.SelectorFromSet(labels.Set{v1alpha1.LabelName: s.Scope.Name})
	}
	options := cache.Options{
		Scheme:   scheme,
		ByObject: map[client.Object]cache.ByObject{&v1alpha1.QueueWorker{}: worker, &corev1.Pod{}: pod},
	}
	if s.Scope.Namespace != "" {
		options.DefaultNamespaces = map[string]cache.Config{s.Scope.Namespace: {}}
	}
	return options
}

// slimWorker drops fields that are not shown.
func slimWorker(object any) (any, error) {
	if worker, ok := object.(*v1alpha1.QueueWorker); ok {
		worker.Status.Accounted = nil
	}
	return object, nil
}

// slimPod drops fields that are not shown.
func slimPod(object any) (any, error) {
	if pod, ok := object.(*corev1.Pod); ok {
		pod.Annotations, pod.ManagedFields, pod.Spec = nil, nil, corev1.PodSpec{}
		pod.Status = corev1.PodStatus{Phase: pod.Status.Phase}
	}
	return object, nil
}

// alive fails if the cluster does not answer, which reading from memory would not show.
func (s *Source) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return s.Core.RESTClient().Get().AbsPath("/version").Do(ctx).Error()
}
