// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package findings passes what the workers of a pool found out about their QueueApp from
// the controller of QueueWorkers to the controller of QueueApps.
package findings

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"queueworker.dev/queueworker/controllers/preflight"
	"queueworker.dev/queueworker/controllers/workqueue"
)

// Exchange passes the findings of pools about their QueueApp from the controller of
// QueueWorkers to the controller of QueueApps.
type Exchange struct {
	mu    sync.Mutex
	pools map[types.NamespacedName]told
	queue workqueue.Requests
}

type told struct {
	app  types.NamespacedName
	pool preflight.Pool
}

// Tell records the findings of a pool, and wakes its app if they are news. A pool without
// findings, for example with pods that have just begun, keeps its earlier findings.
func (e *Exchange) Tell(name, app types.NamespacedName, pool preflight.Pool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before, known := e.pools[name]
	if known && before.app == app && (len(pool.Findings) == 0 || before.pool.Same(pool)) {
		return
	}
	if e.pools == nil {
		e.pools = map[types.NamespacedName]told{}
	}
	e.pools[name] = told{app: app, pool: pool}
	if known && before.app != app {
		e.wake(before.app)
	}
	e.wake(app)
}

// Forget drops a pool that is gone.
func (e *Exchange) Forget(name types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if before, known := e.pools[name]; known {
		delete(e.pools, name)
		e.wake(before.app)
	}
}

func (e *Exchange) wake(app types.NamespacedName) {
	if e.queue != nil {
		e.queue.Add(ctrl.Request{NamespacedName: app})
	}
}

// KeepQueue is a source that only keeps the queue, with which a pool wakes its app.
func (e *Exchange) KeepQueue(_ context.Context, queue workqueue.Requests) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.queue = queue
	return nil
}

// Of returns the findings of pools. It returns false as long as any of them has not
// reported, because the status must not lose findings.
func (e *Exchange) Of(app types.NamespacedName, workers []string) ([]preflight.Pool, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []preflight.Pool
	for _, worker := range workers {
		entry, known := e.pools[types.NamespacedName{Namespace: app.Namespace, Name: worker}]
		if !known || entry.app != app {
			return nil, false
		}
		out = append(out, entry.pool)
	}
	return out, true
}
