// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/workqueue"
	"queueworker.dev/queueworker/trust"
)

// Options are the operator's start options.
type Options struct {
	// AgentImage is the image from which worker pods copy the agent.
	AgentImage string
	// ProbeImage is the image of backlog probes.
	ProbeImage string
	// Namespace is the namespace of the operator; empty if it is not known.
	Namespace string
	// Concurrency is how many QueueWorkers are reconciled at once.
	Concurrency int
	// NamespaceCPU is how much of one CPU the work for one namespace may take in the long
	// run: its reconciles, and the answers of its agents and probes. 0 means no bound.
	NamespaceCPU float64
	// Identity is the identity that the operator proves to agents and probes; nil means
	// a new one. A given Collector and given Backlogs must have the same identity.
	Identity *trust.Identity
	// Collector and Backlogs are created if nil.
	Collector *collector.Collector
	Backlogs  *collector.Backlogs
	// Clock is the clock; nil means the real clock.
	Clock clock.PassiveClock
	// SkipNameValidation lets a process run several managers, as tests do.
	SkipNameValidation bool
}

// Setup adds the operator to a manager whose cache has CacheOptions.
func Setup(mgr ctrl.Manager, o Options) error {
	if o.Identity == nil {
		identity, err := trust.NewIdentity()
		if err != nil {
			return err
		}
		o.Identity = identity
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	budget := workqueue.NewBudget(o.NamespaceCPU, o.Clock.Now)
	if o.Collector == nil {
		o.Collector = collector.New(collector.Options{Log: mgr.GetLogger().WithName("collector"), Identity: o.Identity, Budget: budget})
	}
	if o.Backlogs == nil {
		o.Backlogs = collector.NewBacklogs(collector.BacklogOptions{Clock: o.Clock, Identity: o.Identity, Budget: budget})
	}
	if err := errors.Join(mgr.Add(o.Collector), mgr.Add(o.Backlogs)); err != nil {
		return fmt.Errorf("add the collector: %w", err)
	}
	preflights := &Preflights{}
	reconciler := &QueueWorkerReconciler{
		Client:     mgr.GetClient(),
		Live:       mgr.GetAPIReader(),
		Collector:  o.Collector,
		Backlogs:   o.Backlogs,
		Preflights: preflights,
		Recorder:   mgr.GetEventRecorder(v1alpha1.FieldManager),
		Clock:      o.Clock,
		Budget:     budget,
		AgentImage: o.AgentImage,
		pins:       pins{own: o.Identity.Pin()},
	}
	options := controller.Options{
		MaxConcurrentReconciles: o.Concurrency, SkipNameValidation: &o.SkipNameValidation,
		NewQueue: func(name string, limiter limiter) requests {
			return workqueue.New(workqueue.Options{Name: name, Workers: max(o.Concurrency, 1), Limiter: limiter, Budget: budget})
		},
	}
	if err := reconciler.SetupWithManager(mgr, options); err != nil {
		return fmt.Errorf("add the QueueWorker controller: %w", err)
	}
	apps := &QueueAppReconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Backlogs: o.Backlogs, Preflights: preflights, Clock: o.Clock, Budget: budget,
		ProbeImage: o.ProbeImage, Namespace: o.Namespace,
		pin: o.Identity.Pin(),
	}
	if err := apps.SetupWithManager(mgr, options); err != nil {
		return fmt.Errorf("add the QueueApp controller: %w", err)
	}
	commands := &QueueCommandReconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: o.Clock, Budget: budget, Backlogs: o.Backlogs,
		AgentImage: o.AgentImage,
	}
	if err := commands.SetupWithManager(mgr, options); err != nil {
		return fmt.Errorf("add the QueueCommand controller: %w", err)
	}
	return nil
}

// AddToScheme adds the operator's kinds to the scheme of its manager.
var AddToScheme = cached.AddToScheme

// CacheOptions returns the options for the cache of a manager whose scheme is made by
// AddToScheme. The cache keeps only the parts of objects that decisions read. Without
// namespaces, all namespaces are watched.
func CacheOptions(namespaces []string) cache.Options {
	ours := labels.SelectorFromSet(labels.Set{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})
	sets := &metav1.PartialObjectMetadata{}
	sets.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	out := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		NewInformer:      newInformer,
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:                   {Label: ours, Transform: SlimPod},
			&corev1.ConfigMap{}:             {Label: ours, Transform: slimConfigMap},
			&appsv1.Deployment{}:            {Label: ours, Transform: slimDeployment},
			&policyv1.PodDisruptionBudget{}: {Label: ours, Transform: slimBudget},
			&networkingv1.NetworkPolicy{}:   {Label: ours, Transform: slimPolicy},
			&batchv1.Job{}:                  {Label: ours, Transform: slimJob},
			sets:                            {Label: ours, Transform: slimSet},
			&v1alpha1.QueueCommand{}:        {Transform: slimCommand},
			&v1alpha1.QueueWorker{}:         {Transform: slimOwn},
			&cached.QueueApp{}:              {Transform: slimOwn},
		},
	}
	if len(namespaces) > 0 {
		out.DefaultNamespaces = map[string]cache.Config{}
		for _, namespace := range namespaces {
			out.DefaultNamespaces[namespace] = cache.Config{}
		}
	}
	return out
}
