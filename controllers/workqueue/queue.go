// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package workqueue is the work queue of the operator's controllers. It is client-go's work
// queue with two differences. Namespaces take turns, and no namespace holds all workers
// (order). And a namespace whose work takes more than its share of the CPU rests (Budget).
//
// It keeps the part of controller-runtime's priority queue that the operator uses: the
// keys of the first list after a start come behind keys that an event has added since,
// but only among the keys of their own namespace.
package workqueue

import (
	"time"

	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Options configure a queue.
type Options struct {
	// Name names the queue in metrics.
	Name string
	// Workers is how many keys are worked on at once.
	Workers int
	// Limiter says how long a failed key waits.
	Limiter workqueue.TypedRateLimiter[reconcile.Request]
	// Budget bounds the CPU that namespaces may use.
	Budget *Budget
	// Clock is the clock; nil means the real clock.
	Clock clock.WithTicker
}

// Queue is a work queue for a controller.
type Queue struct {
	workqueue.TypedRateLimitingInterface[reconcile.Request]

	order   *order
	limiter workqueue.TypedRateLimiter[reconcile.Request]
	budget  *Budget
}

var _ priorityqueue.PriorityQueue[reconcile.Request] = &Queue{}

// New returns a queue.
func New(o Options) *Queue {
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	order := newOrder(o.Workers)
	inner := &placed{order: order, TypedInterface: workqueue.NewTypedWithConfig(workqueue.TypedQueueConfig[reconcile.Request]{
		Name: o.Name, Clock: o.Clock, Queue: order,
	})}
	delaying := workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[reconcile.Request]{
		Name: o.Name, Clock: o.Clock, Queue: inner,
	})
	limiting := workqueue.NewTypedRateLimitingQueueWithConfig(o.Limiter, workqueue.TypedRateLimitingQueueConfig[reconcile.Request]{
		Name: o.Name, Clock: o.Clock, DelayingQueue: delaying,
	})
	return &Queue{TypedRateLimitingInterface: limiting, order: order, limiter: o.Limiter, budget: o.Budget}
}

// placed gives places back. The caller of Done asks for the next key at once, as the
// workers of a controller do. One returned place lets at most one more key be worked
// on, so no other worker must be woken for it.
type placed struct {
	workqueue.TypedInterface[reconcile.Request]

	order *order
}

func (p *placed) Done(key reconcile.Request) {
	p.order.done(key)
	p.TypedInterface.Done(key)
}

// Add adds a key, after its namespace has rested.
func (q *Queue) Add(key reconcile.Request) {
	if rest := q.budget.Rest(key.Namespace); rest > 0 {
		q.TypedRateLimitingInterface.AddAfter(key, rest)
		return
	}
	q.TypedRateLimitingInterface.Add(key)
}

// AddAfter adds a key after a time, and not before its namespace has rested.
func (q *Queue) AddAfter(key reconcile.Request, after time.Duration) {
	q.TypedRateLimitingInterface.AddAfter(key, max(after, q.budget.Rest(key.Namespace)))
}

// AddRateLimited adds a key that failed.
func (q *Queue) AddRateLimited(key reconcile.Request) { q.AddAfter(key, q.limiter.When(key)) }

// AddWithOpts adds keys. Keys below priority zero come behind the other keys of their
// namespace.
func (q *Queue) AddWithOpts(o priorityqueue.AddOpts, keys ...reconcile.Request) {
	for _, key := range keys {
		switch {
		case o.RateLimited:
			q.AddRateLimited(key)
		case o.After > 0:
			q.AddAfter(key, o.After)
		default:
			if o.Priority != nil && *o.Priority < 0 {
				q.order.lower(key)
			}
			q.Add(key)
		}
	}
}

// GetWithPriority waits for a key. Its priority is zero, so that a key that its
// controller adds again is like any other key.
func (q *Queue) GetWithPriority() (reconcile.Request, int, bool) {
	key, shutdown := q.Get()
	return key, 0, shutdown
}
