// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/desired"
	"queueworker.dev/queueworker/controllers/scaling"
)

// caps is what pools have of the caps they share. Sizes under a cap are decided one
// at a time, and a pool grows only into what no other one has: one that has to give
// something up has done so when its status says so. So the sizes of all never add up
// to more than the cap, whichever of them is looked at first.
type caps struct {
	mu    sync.Mutex
	pools map[types.NamespacedName]share
}

// share is what a pool last asked of its cap and what it has of it.
type share struct {
	claim scaling.Claim
	// held is the size decided on, in processes of whole pods.
	held int32
	// scarce tells that the cap was found too small for all.
	scarce bool
}

// size decides the size of a pool, and tells whether those that share its cap have to
// look again because it has become too small for all.
func (c *caps) size(o *observation) (s sizing, scarceNow bool) {
	name := client.ObjectKeyFromObject(o.worker)
	if o.app == nil || o.app.Spec.MaxProcesses == nil {
		c.forget(name)
		return size(o), false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	o.claims, o.taken = c.others(o.rivals)
	s = size(o)
	before := c.pools[name]
	if c.pools == nil {
		c.pools = map[types.NamespacedName]share{}
	}
	c.pools[name] = share{s.claim, wholePods(s.processes, &o.worker.Spec), s.scarce}
	return s, s.scarce && !before.scarce
}

// others are what other pools ask of a cap, and what they have of it together.
func (c *caps) others(rivals []*v1alpha1.QueueWorker) (claims []scaling.Claim, taken int32) {
	for _, rival := range rivals {
		known, ok := c.pools[client.ObjectKeyFromObject(rival)]
		if !ok {
			known.claim = claimOf(rival)
		}
		claims = append(claims, known.claim)
		taken += max(known.held, rival.Status.Desired)
	}
	return claims, taken
}

func (c *caps) forget(name types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pools, name)
}

// wholePods is a number of processes, rounded up to whole pods.
func wholePods(processes int32, spec *v1alpha1.QueueWorkerSpec) int32 {
	return desired.Pods(processes, spec) * desired.ProcessesPerPod(spec)
}

// observeRivals reads which other pools share the cap of the pool's QueueApp.
func (r *QueueWorkerReconciler) observeRivals(ctx context.Context, o *observation, apps []cached.QueueApp) error {
	if o.app == nil || o.app.Spec.MaxProcesses == nil {
		return nil
	}
	workers := &v1alpha1.QueueWorkerList{}
	// Of many pools with long statuses, and only read.
	if err := r.Client.List(ctx, workers, client.InNamespace(o.worker.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list QueueWorkers: %w", err)
	}
	uses := desired.UsersOf(o.app.Name, apps)
	for i := range workers.Items {
		other := &workers.Items[i]
		if uses(other) && other.Name != o.worker.Name && other.DeletionTimestamp == nil {
			o.rivals = append(o.rivals, other)
		}
	}
	return nil
}

// keepQueue is a source of nothing but the queue, by which one pool wakes others.
func (r *QueueWorkerReconciler) keepQueue(_ context.Context, queue requests) error {
	r.queue = queue
	return nil
}

// wake has pools looked at now.
func (r *QueueWorkerReconciler) wake(pools []*v1alpha1.QueueWorker) {
	for _, pool := range pools {
		r.queue.Add(ctrl.Request{NamespacedName: client.ObjectKeyFromObject(pool)})
	}
}
