// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package workqueue

import (
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"queueworker.dev/queueworker/controllers/turns"
)

// lowTurn is which turn of a namespace goes to a key of low priority, if there are
// other keys: every fourth.
const lowTurn = 4

// order decides which key is worked on next. It implements what client-go's work queue
// calls a Queue: each key is in it once, and no worker holds the key meanwhile.
type order struct {
	mu     sync.Mutex
	places *turns.Places
	// waiting holds a namespace as often as it has keys in its lanes.
	waiting turns.Queue[*lanes]
	spaces  map[string]*lanes
	// low holds the keys that will be pushed with low priority.
	low map[reconcile.Request]struct{}
}

// lanes hold the waiting keys of one namespace.
type lanes struct {
	urgent, low turns.FIFO[*entry]
	keys        map[reconcile.Request]*entry
	turn        int
}

// entry is a waiting key.
type entry struct {
	key reconcile.Request
	// low says which lane it is in. An entry that was moved to the other lane is void
	// in its old one.
	low, void bool
}

func newOrder(workers int) *order {
	return &order{places: turns.NewPlaces(workers), spaces: map[string]*lanes{}, low: map[reconcile.Request]struct{}{}}
}

// lower makes the next push of a key one of low priority, unless the key already waits.
func (o *order) lower(key reconcile.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.low[key] = struct{}{}
}

// Push adds a key.
func (o *order) Push(key reconcile.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	space := o.spaces[key.Namespace]
	if space == nil {
		space = &lanes{keys: map[reconcile.Request]*entry{}}
		o.spaces[key.Namespace] = space
	}
	_, low := o.low[key]
	delete(o.low, key)
	space.push(&entry{key: key, low: low})
	o.waiting.Push(key.Namespace, space)
}

// Touch is called for a key that is added while it waits. A key of low priority that is
// added without it is urgent from now on.
func (o *order) Touch(key reconcile.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, low := o.low[key]
	delete(o.low, key)
	space := o.spaces[key.Namespace]
	if space == nil || low {
		return
	}
	if known := space.keys[key]; known != nil && known.low {
		known.void = true
		space.push(&entry{key: key})
	}
}

// Len returns how many keys wait, but zero while none of them may be worked on.
func (o *order) Len() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.waiting.Any(o.places.May) {
		return 0
	}
	return o.waiting.Len()
}

// Pop removes the next key, which takes a place of its namespace until done. It is
// called only if Len is not zero.
func (o *order) Pop() reconcile.Request {
	o.mu.Lock()
	defer o.mu.Unlock()
	space, _ := o.waiting.Pop(o.places.May)
	key := space.pop()
	if len(space.keys) == 0 {
		delete(o.spaces, key.Namespace)
	}
	o.places.Take(key.Namespace)
	return key
}

// done gives the place of a key back.
func (o *order) done(key reconcile.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.places.Give(key.Namespace)
}

func (l *lanes) push(e *entry) {
	l.keys[e.key] = e
	if e.low {
		l.low.Push(e)
		return
	}
	l.urgent.Push(e)
}

// pop removes the next key; there must be one.
func (l *lanes) pop() reconcile.Request {
	for !l.low.Empty() && l.low.First().void {
		l.low.Pop()
	}
	l.turn++
	from := &l.urgent
	if l.urgent.Empty() || l.turn%lowTurn == 0 && !l.low.Empty() {
		from = &l.low
	}
	key := from.Pop().key
	delete(l.keys, key)
	return key
}
