// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package workqueue

import (
	"sync"
	"time"
)

const (
	// burst is how much CPU time a namespace may use at once before it must rest.
	burst = 3 * time.Second
	// maxRest bounds how long a namespace rests.
	maxRest = time.Minute
	// maxIdle is how many namespaces are remembered before idle ones are forgotten.
	maxIdle = 1024
)

// Budget bounds how much of a CPU the work for one namespace may take in the long run.
// After a namespace uses more than its burst, it must rest: its keys that are added
// meanwhile are worked on later, and its pods and probes are asked later. The controllers
// and collectors of one operator share a Budget.
type Budget struct {
	// share is the part of one CPU; 0 means no bound.
	share float64
	now   func() time.Time

	mu   sync.Mutex
	used map[string]account
}

// account is the CPU time that a namespace has used and that time has not yet forgiven,
// at a time.
type account struct {
	used time.Duration
	at   time.Time
}

// NewBudget returns a budget of a part of one CPU for each namespace; 0 means no bound.
func NewBudget(share float64, now func() time.Time) *Budget {
	return &Budget{share: share, now: now, used: map[string]account{}}
}

// unbounded reports whether no namespace ever has to rest.
func (b *Budget) unbounded() bool { return b == nil || b.share <= 0 }

// spend notes that work for a namespace took this much CPU time. It reports whether the
// namespace must rest from now on and did not before.
func (b *Budget) spend(namespace string, cpu time.Duration) bool {
	if b.unbounded() || cpu <= 0 {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	before := b.of(namespace, now)
	used := min(before+cpu, burst+time.Duration(float64(maxRest)*b.share))
	if len(b.used) >= maxIdle {
		b.sweep(now)
	}
	b.used[namespace] = account{used: used, at: now}
	return before <= burst && used > burst
}

// Rest returns how long a namespace must rest; 0 if it need not.
func (b *Budget) Rest(namespace string) time.Duration {
	if b.unbounded() {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	over := b.of(namespace, b.now()) - burst
	if over <= 0 {
		return 0
	}
	return min(maxRest, time.Duration(float64(over)/b.share))
}

// of returns the CPU time that a namespace has used, minus the time that was forgiven
// since.
func (b *Budget) of(namespace string, now time.Time) time.Duration {
	known, ok := b.used[namespace]
	if !ok {
		return 0
	}
	return max(0, known.used-time.Duration(float64(now.Sub(known.at))*b.share))
}

// sweep forgets the namespaces whose account is empty.
func (b *Budget) sweep(now time.Time) {
	for namespace := range b.used {
		if b.of(namespace, now) == 0 {
			delete(b.used, namespace)
		}
	}
}
