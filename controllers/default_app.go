// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// fewApps is the largest number of QueueApps in a namespace for which each change of
// them wakes the pools that must name one: their condition names the first five.
const fewApps = 6

// defaultApps knows which QueueApp the pools of each namespace use if they name none.
// It learns of every QueueApp from the cache, so that an event costs the same whether a
// namespace has one QueueApp or thousands. This matters because events are handled one
// after the other, for all namespaces.
type defaultApps struct {
	mu sync.Mutex
	// names are the names of the existing QueueApps, by namespace.
	names map[string]map[string]struct{}
}

// appChange is the effect of a QueueApp's creation or deletion on pools that name none.
type appChange struct {
	// before and after are the QueueApps that these pools use; empty if none.
	before, after string
	// apps is the number of QueueApps in the namespace, before or after, whichever is
	// larger.
	apps int
}

// concernsUnnamed reports whether pools that name no QueueApp must be reconciled: they
// use another QueueApp, or their condition lists other names.
func (c appChange) concernsUnnamed() bool {
	return c.before != c.after || c.after == "" && c.apps <= fewApps
}

// note records that a QueueApp exists or no longer exists.
func (d *defaultApps) note(app client.Object, exists bool) appChange {
	d.mu.Lock()
	defer d.mu.Unlock()
	namespace := app.GetNamespace()
	change := appChange{before: d.used(namespace), apps: len(d.names[namespace])}
	names := d.names[namespace]
	switch {
	case !exists:
		delete(names, app.GetName())
		if len(names) == 0 {
			delete(d.names, namespace)
		}
	case names == nil:
		if d.names == nil {
			d.names = map[string]map[string]struct{}{}
		}
		names = map[string]struct{}{}
		d.names[namespace] = names
		fallthrough
	default:
		names[app.GetName()] = struct{}{}
	}
	change.after, change.apps = d.used(namespace), max(change.apps, len(d.names[namespace]))
	return change
}

// of returns the QueueApp that pools of a namespace use if they name none; empty if
// there is none.
func (d *defaultApps) of(namespace string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used(namespace)
}

// used chooses as effective.SelectApp does.
func (d *defaultApps) used(namespace string) string {
	names := d.names[namespace]
	if _, ok := names[v1alpha1.DefaultAppName]; ok {
		return v1alpha1.DefaultAppName
	}
	if len(names) == 1 {
		for name := range names {
			return name
		}
	}
	return ""
}

// wakeApps adds the QueueApps of these names; an empty name means none.
func wakeApps(queue requests, namespace string, names ...string) {
	for _, name := range names {
		if name != "" {
			queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}})
		}
	}
}

// besideHandler wakes the QueueApps that pools without a named QueueApp stop or begin
// to use. The content of a QueueApp has no part in that.
func (r *QueueAppReconciler) besideHandler() handler.EventHandler {
	note := func(app client.Object, exists bool, queue requests) {
		if change := r.defaults.note(app, exists); change.before != change.after {
			wakeApps(queue, app.GetNamespace(), change.before, change.after)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, queue requests) { note(e.Object, true, queue) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue requests) { note(e.Object, false, queue) },
	}
}

// workerHandler wakes the QueueApp that a pool uses, and the one that it used before.
func (r *QueueAppReconciler) workerHandler() handler.EventHandler {
	wake := func(object client.Object, queue requests) {
		worker, ok := object.(*v1alpha1.QueueWorker)
		switch {
		case !ok:
		case worker.Spec.AppName == "":
			wakeApps(queue, worker.Namespace, r.defaults.of(worker.Namespace))
		default:
			wakeApps(queue, worker.Namespace, worker.Spec.AppName)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, queue requests) {
			if !e.IsInInitialList { // every QueueApp is reconciled then
				wake(e.Object, queue)
			}
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue requests) {
			wake(e.ObjectOld, queue)
			wake(e.ObjectNew, queue)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue requests) { wake(e.Object, queue) },
	}
}

// appHandler wakes the pools that a QueueApp concerns: pools that name it, and pools
// that name none if they use it, or now use another one.
func (r *QueueWorkerReconciler) appHandler() handler.EventHandler {
	wake := func(ctx context.Context, app client.Object, unnamed bool, queue requests) {
		for _, request := range r.workersOfApp(ctx, app, unnamed) {
			queue.Add(request)
		}
	}
	uses := func(app client.Object) bool { return r.defaults.of(app.GetNamespace()) == app.GetName() }
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue requests) {
			change := r.defaults.note(e.Object, true)
			if !e.IsInInitialList { // every pool is reconciled then
				wake(ctx, e.Object, change.concernsUnnamed(), queue)
			}
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue requests) {
			wake(ctx, e.ObjectNew, uses(e.ObjectNew), queue)
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue requests) {
			wake(ctx, e.Object, r.defaults.note(e.Object, false).concernsUnnamed(), queue)
		},
	}
}
