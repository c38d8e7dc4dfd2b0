// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/collector"
)

// Options are what the operator is started with.
type Options struct {
	// AgentImage is the image the agent of worker pods is copied from.
	AgentImage string
	// Concurrency is how many QueueWorkers are reconciled at once.
	Concurrency int
	// Collector is made if nil.
	Collector *collector.Collector
	// Clock is the real one if nil.
	Clock clock.PassiveClock
	// SkipNameValidation lets a process run several managers, as tests do.
	SkipNameValidation bool
}

// Setup adds the operator to a manager whose cache has CacheOptions.
func Setup(mgr ctrl.Manager, o Options) error {
	if o.Collector == nil {
		o.Collector = collector.New(collector.Options{Log: mgr.GetLogger().WithName("collector")})
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if err := mgr.Add(o.Collector); err != nil {
		return fmt.Errorf("add the collector: %w", err)
	}
	reconciler := &QueueWorkerReconciler{
		Client:     mgr.GetClient(),
		Live:       mgr.GetAPIReader(),
		Collector:  o.Collector,
		Recorder:   mgr.GetEventRecorder(v1alpha1.FieldManager),
		Clock:      o.Clock,
		AgentImage: o.AgentImage,
	}
	options := controller.Options{MaxConcurrentReconciles: o.Concurrency, SkipNameValidation: &o.SkipNameValidation}
	if err := reconciler.SetupWithManager(mgr, options); err != nil {
		return fmt.Errorf("add the QueueWorker controller: %w", err)
	}
	return nil
}

// CacheOptions keep just the objects of ours, and of pods just what matters.
// Without namespaces all are watched.
func CacheOptions(namespaces []string) (cache.Options, error) {
	named, err := labels.NewRequirement(v1alpha1.LabelName, selection.Exists, nil)
	if err != nil {
		return cache.Options{}, fmt.Errorf("select by label %s: %w", v1alpha1.LabelName, err)
	}
	ours := labels.NewSelector().Add(*named)
	sets := &metav1.PartialObjectMetadata{}
	sets.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	out := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:                   {Label: ours, Transform: SlimPod},
			&corev1.ConfigMap{}:             {Label: ours},
			&appsv1.Deployment{}:            {Label: ours},
			&policyv1.PodDisruptionBudget{}: {Label: ours},
			sets:                            {Label: ours},
		},
	}
	if len(namespaces) > 0 {
		out.DefaultNamespaces = map[string]cache.Config{}
		for _, namespace := range namespaces {
			out.DefaultNamespaces[namespace] = cache.Config{}
		}
	}
	return out, nil
}
