// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"queueworker.dev/queueworker/controllers/passlog"
	"queueworker.dev/queueworker/controllers/queueworker/plan"
	"queueworker.dev/queueworker/controllers/requeue"
)

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
	name := request.NamespacedName
	next := r.memory.of(name)
	w, err := r.observe(ctx, name, &next)
	if err != nil {
		return ctrl.Result{}, err
	}
	if w == nil {
		r.forget(name)
		passlog.Pass{Reason: passlog.Gone}.End(ctx)
		return ctrl.Result{}, nil
	}
	defer func() { r.memory.replace(name, next) }()
	r.subscribe(w, &next)
	if next.forgetWrites(w); next.behind(w) {
		// The missing changes wake this pool again when the cache receives them.
		passlog.Pass{Reason: passlog.CacheBehind, Conditions: w.Worker.Status.Conditions, Again: time.Second}.End(ctx)
		return ctrl.Result{RequeueAfter: time.Second}, nil
	}
	next.Memory = next.Observed(w)
	w.Memory = next.Memory
	size, scarceNow := r.caps.size(w)
	for _, rival := range scarceNow {
		r.queue.Add(ctrl.Request{NamespacedName: rival})
	}
	wanted := plan.Decide(w, size, r.AgentImage)
	next.Memory = next.Decided(wanted)
	applied, applyErr := r.apply(ctx, w, wanted, &next)
	if applyErr != nil {
		// A stuck worker may not have received its order to restart.
		next.Stuck = w.Memory.Stuck
	}
	pass, reportErr := r.report(ctx, w, wanted, applied, &next)
	if err := errors.Join(applyErr, reportErr); err != nil {
		return ctrl.Result{}, err
	}
	pass.Again = requeue.Sooner(pass.Again, w.PinAgain)
	pass.Values = append(pass.Values, sizeValues(w, wanted)...)
	pass.End(ctx)
	return ctrl.Result{RequeueAfter: pass.Again}, nil
}

// forget drops everything that is kept about a pool that is gone.
func (r *Reconciler) forget(name types.NamespacedName) {
	r.Collector.Forget(name)
	r.Backlogs.Forget(name)
	r.Findings.Forget(name)
	r.memory.forget(name)
	r.caps.forget(name)
}
