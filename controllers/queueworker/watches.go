// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/workqueue"
)

// SetupWithManager registers what wakes a QueueWorker: itself, its QueueApp, its
// children and pods, and the reports of its agents.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("queueworker").
		// Changes of its status wake it too: a pass with a cache that has not yet
		// received the last write may find nothing to do, and no other event would wake
		// the pool again.
		For(&v1alpha1.QueueWorker{}).
		Watches(&v1alpha1.QueueWorker{}, r.caps.handler()).
		Owns(&appsv1.Deployment{}).
		Owns(&batchv1.Job{}).
		Owns(&corev1.ConfigMap{}).
		// A budget's status follows every pod; only its spec matters here.
		Owns(&policyv1.PodDisruptionBudget{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&cached.QueueApp{}, r.appHandler(),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesMetadata(&appsv1.ReplicaSet{}, handler.EnqueueRequestsFromMapFunc(workerByLabel),
			builder.WithPredicates(predicate.Funcs{UpdateFunc: never})).
		Watches(&corev1.Pod{}, r.podHandler()).
		WatchesRawSource(source.Channel(r.Collector.Wakes(), &handler.EnqueueRequestForObject{})).
		WatchesRawSource(source.Channel(r.Backlogs.Wakes(), &handler.EnqueueRequestForObject{})).
		WatchesRawSource(source.Func(r.keepQueue)).
		WithOptions(options).
		Complete(r.Budget.Charge(r))
}

// workersOfApp returns the QueueWorkers that name an app and, if unnamed is true, also
// the QueueWorkers that name no app.
func (r *Reconciler) workersOfApp(ctx context.Context, app client.Object, unnamed bool) []reconcile.Request {
	workers := &v1alpha1.QueueWorkerList{}
	// All events wait while this looks through the pools of one namespace, so nothing
	// is copied.
	if err := kube.List(ctx, r.Client, "QueueWorkers", workers, client.InNamespace(app.GetNamespace()), client.UnsafeDisableDeepCopy); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Could not list the QueueWorkers of a QueueApp", "QueueApp", client.ObjectKeyFromObject(app))
		return nil
	}
	var out []reconcile.Request
	for i := range workers.Items {
		if name := workers.Items[i].Spec.AppName; name == "" && unnamed || name == app.GetName() {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&workers.Items[i])})
		}
	}
	return out
}

// workerByLabel returns the QueueWorker whose label an object carries.
func workerByLabel(_ context.Context, object client.Object) []reconcile.Request {
	name := object.GetLabels()[v1alpha1.LabelName]
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: object.GetNamespace(), Name: name}}}
}

// appHandler wakes the pools that a QueueApp concerns: pools that name it, and pools
// that name none if they use it, or now use another one.
func (r *Reconciler) appHandler() handler.EventHandler {
	wake := func(ctx context.Context, app client.Object, unnamed bool, queue workqueue.Requests) {
		for _, request := range r.workersOfApp(ctx, app, unnamed) {
			queue.Add(request)
		}
	}
	uses := func(app client.Object) bool { return r.defaults.Of(app.GetNamespace()) == app.GetName() }
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue workqueue.Requests) {
			change := r.defaults.Note(e.Object, true)
			if !e.IsInInitialList { // every pool is reconciled then
				wake(ctx, e.Object, change.ConcernsUnnamed(), queue)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue workqueue.Requests) {
			wake(ctx, e.ObjectNew, uses(e.ObjectNew), queue)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue workqueue.Requests) {
			wake(ctx, e.Object, r.defaults.Note(e.Object, false).ConcernsUnnamed(), queue)
		},
	}
}

// keepQueue is a source that only keeps the queue, with which one pool wakes others.
func (r *Reconciler) keepQueue(_ context.Context, queue workqueue.Requests) error {
	r.queue = queue
	return nil
}
