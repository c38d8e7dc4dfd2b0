// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"context"
	"errors"
	"time"

	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/defaultapp"
	"queueworker.dev/queueworker/controllers/findings"
	"queueworker.dev/queueworker/controllers/requeue"
	"queueworker.dev/queueworker/controllers/workqueue"
)

// Reconciler brings the cluster to the state that QueueWorkers ask for.
type Reconciler struct {
	// Client reads from the cache and writes as v1alpha1.FieldManager.
	Client client.Client
	// Live reads past the cache. It is used before an object is created, because the cache
	// holds only the operator's objects, and an object of another owner may have the name.
	Live client.Reader
	// Collector holds the reports of agents.
	Collector *collector.Collector
	// Backlogs holds the reports of backlog probes.
	Backlogs *collector.Backlogs
	// Findings receives the findings of workers about their QueueApp.
	Findings *findings.Exchange
	// Recorder records events.
	Recorder events.EventRecorder
	// Clock is the clock.
	Clock clock.PassiveClock
	// Budget bounds the CPU that reconciles of one namespace may take.
	Budget *workqueue.Budget
	// AgentImage is the image from which new pods copy the agent.
	AgentImage string
	// Pin is the pin by which agents know the operator.
	Pin string

	memory memory
	caps   caps
	// defaults knows which QueueApp is used by pools that name none.
	defaults defaultapp.Index
	pins     pins
	// queue takes pools to reconcile.
	queue workqueue.Requests
}

// +kubebuilder:rbac:groups=queueworker.dev,resources=queueworkers,verbs=list;watch
// +kubebuilder:rbac:groups=queueworker.dev,resources=queueworkers/status,verbs=patch
// +kubebuilder:rbac:groups=queueworker.dev,resources=queueapps,verbs=list;watch
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=apps,resources=replicasets,verbs=list;watch
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=get;list;watch;create;patch
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch;patch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile brings the cluster to the state that one QueueWorker asks for.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	observed, err := r.observe(ctx, request.NamespacedName)
	if err != nil {
		return ctrl.Result{}, err
	}
	if observed == nil {
		r.Collector.Forget(request.NamespacedName)
		r.Backlogs.Forget(request.NamespacedName)
		r.Findings.Forget(request.NamespacedName)
		r.memory.forget(request.NamespacedName)
		r.caps.forget(request.NamespacedName)
		return ctrl.Result{}, nil
	}
	memory := r.memory.of(request.NamespacedName)
	if memory.behind(observed) {
		// The missing changes wake this pool again when the cache receives them.
		return ctrl.Result{RequeueAfter: time.Second}, nil
	}
	sizing, scarceNow := r.caps.size(observed)
	for _, rival := range scarceNow {
		r.queue.Add(ctrl.Request{NamespacedName: rival})
	}
	wanted := decide(observed, sizing, r.AgentImage)
	memory.keep(wanted)
	applied, applyErr := r.apply(ctx, observed, wanted)
	if applyErr != nil {
		// A stuck worker may not have received its order to restart.
		memory.past.stuck = observed.past.stuck
	}
	again, reportErr := r.report(ctx, observed, wanted, applied)
	if err := errors.Join(applyErr, reportErr); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: requeue.Sooner(again, observed.pinAgain)}, nil
}
