// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueapp

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
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
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/workqueue"
)

// SetupWithManager registers what wakes a QueueApp: itself, other QueueApps and
// QueueWorkers of its namespace, its probe and the probe's pods.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("queueapp").
		For(&cached.QueueApp{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&appsv1.Deployment{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&networkingv1.NetworkPolicy{}).
		Watches(&cached.QueueApp{}, r.besideHandler()).
		Watches(&v1alpha1.QueueWorker{}, r.workerHandler(),
			builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(appOfProbe)).
		WatchesRawSource(source.Func(r.Findings.KeepQueue)).
		WithOptions(options).
		Complete(r.Budget.Charge(r))
}

// appOfProbe returns the QueueApp whose backlog probe a pod is.
func appOfProbe(_ context.Context, pod client.Object) []reconcile.Request {
	name := pod.GetLabels()[v1alpha1.LabelApp]
	if name == "" || !objects.IsProbe(pod) {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: pod.GetNamespace(), Name: name}}}
}

// wakeApps adds the QueueApps of these names; an empty name means none.
func wakeApps(queue workqueue.Requests, namespace string, names ...string) {
	for _, name := range names {
		if name != "" {
			queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}})
		}
	}
}

// besideHandler wakes the QueueApps that pools without a named QueueApp stop or begin
// to use. The content of a QueueApp has no part in that.
func (r *Reconciler) besideHandler() handler.EventHandler {
	note := func(app client.Object, exists bool, queue workqueue.Requests) {
		if change := r.defaults.Note(app, exists); change.Before != change.After {
			wakeApps(queue, app.GetNamespace(), change.Before, change.After)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, queue workqueue.Requests) { note(e.Object, true, queue) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue workqueue.Requests) { note(e.Object, false, queue) },
	}
}

// workerHandler wakes the QueueApp that a pool uses, and the one that it used before.
func (r *Reconciler) workerHandler() handler.EventHandler {
	wake := func(object client.Object, queue workqueue.Requests) {
		worker, ok := object.(*v1alpha1.QueueWorker)
		switch {
		case !ok:
		case worker.Spec.AppName == "":
			wakeApps(queue, worker.Namespace, r.defaults.Of(worker.Namespace))
		default:
			wakeApps(queue, worker.Namespace, worker.Spec.AppName)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, queue workqueue.Requests) {
			if !e.IsInInitialList { // every QueueApp is reconciled then
				wake(e.Object, queue)
			}
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue workqueue.Requests) {
			wake(e.ObjectOld, queue)
			wake(e.ObjectNew, queue)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue workqueue.Requests) { wake(e.Object, queue) },
	}
}
