// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package workqueue

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// epoch is the time when these tests begin.
var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestATenantThatWakesItsPoolsForEver: a QueueApp with 600 pools that is patched every
// 2 s takes its share of a CPU and no more, and no other tenant waits.
func TestATenantThatWakesItsPoolsForEver(t *testing.T) {
	const share, pools, cost = 0.1, 600, 1500 * time.Microsecond
	now := epoch
	b := NewBudget(share, func() time.Time { return now })
	ready := make([]time.Time, pools) // when each pool's key is worked on; zero if the key is not added
	used, longest := time.Duration(0), time.Duration(0)
	for ; now.Before(epoch.Add(time.Hour)); now = now.Add(100 * time.Millisecond) {
		if now.Sub(epoch)%(2*time.Second) == 0 {
			for i := range ready {
				if ready[i].IsZero() {
					rest := b.Rest("crowd")
					ready[i], longest = now.Add(rest), max(longest, rest)
				}
			}
		}
		for i := range ready {
			if !ready[i].IsZero() && !ready[i].After(now) {
				ready[i] = time.Time{}
				used += cost
				b.spend("crowd", cost)
			}
		}
		if rest := b.Rest("shop"); rest != 0 {
			t.Fatalf("another namespace rests for %s", rest)
		}
	}
	if most := time.Duration(share*float64(time.Hour)) + burst + pools*cost; used > most {
		t.Errorf("%s of CPU in an hour, want at most %s", used, most)
	}
	if least := time.Duration(0.8 * share * float64(time.Hour)); used < least {
		t.Errorf("%s of CPU in an hour, though %s are its share", used, least)
	}
	t.Logf("%.1f %% of a CPU instead of %.1f %%, pools wait %s at the most", 100*used.Seconds()/3600, 100*pools*cost.Seconds()/2, longest)
}

// TestNoNamespaceExceedsItsShare: whatever reconciles cost and however they come, a
// namespace that rests as told takes no more than its share, its burst and one reconcile,
// over any time. This holds if no reconcile takes longer than a rest makes up for.
func TestNoNamespaceExceedsItsShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		share := rapid.Float64Range(0.01, 2).Draw(t, "share")
		now := epoch
		b := NewBudget(share, func() time.Time { return now })
		largest := time.Duration(float64(maxRest) * share / 2)
		used := time.Duration(0)
		for range rapid.IntRange(1, 100).Draw(t, "reconciles") {
			now = now.Add(b.Rest("a")).Add(time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "pause")))
			cost := time.Duration(rapid.Int64Range(0, int64(largest)).Draw(t, "cost"))
			b.spend("a", cost)
			used += cost
			if most := burst + largest + time.Duration(share*float64(now.Sub(epoch))) + time.Millisecond; used > most {
				t.Fatalf("%s used after %s, want at most %s", used, now.Sub(epoch), most)
			}
			if rest := b.Rest("a"); rest > maxRest {
				t.Fatalf("a rest of %s", rest)
			}
		}
	})
}

func TestABudgetForgetsNamespacesAtRest(t *testing.T) {
	now := epoch
	b := NewBudget(0.1, func() time.Time { return now })
	for i := range 20 * maxIdle {
		b.spend(fmt.Sprint(i), time.Millisecond)
		now = now.Add(time.Millisecond)
	}
	if len(b.used) > 2*maxIdle {
		t.Errorf("%d namespaces are remembered", len(b.used))
	}
}

// TestAReconcileIsChargedWhatItComputes: the time it waits is not charged.
func TestAReconcileIsChargedWhatItComputes(t *testing.T) {
	b := NewBudget(0.1, func() time.Time { return epoch })
	r := b.Charge(reconcile.Func(func(_ context.Context, k reconcile.Request) (reconcile.Result, error) {
		if k.Namespace == "idle" {
			time.Sleep(50 * time.Millisecond)
			return reconcile.Result{}, nil
		}
		began, sum := threadTime(), 0
		for threadTime()-began < 20*time.Millisecond {
			sum++
		}
		return reconcile.Result{RequeueAfter: time.Duration(sum)}, errors.New("passed on")
	}))
	if result, err := r.Reconcile(t.Context(), key("busy", 1)); err == nil || result.RequeueAfter == 0 {
		t.Errorf("Reconcile() = %v, %v, want what the reconciler says", result, err)
	}
	if _, err := r.Reconcile(t.Context(), key("idle", 1)); err != nil {
		t.Error(err)
	}
	if got := b.of("busy", epoch); got < 20*time.Millisecond {
		t.Errorf("20 ms of CPU are charged as %s", got)
	}
	if got := b.of("idle", epoch); got > 20*time.Millisecond {
		t.Errorf("a sleep is charged as %s", got)
	}
}

// TestAQueueLetsANamespaceRest: keys of a namespace that exceeds its share wait,
// however they are added. Keys of other namespaces do not.
func TestAQueueLetsANamespaceRest(t *testing.T) {
	b := NewBudget(0.001, time.Now)
	q := newQueue(t, b)
	b.spend("crowd", time.Minute)
	q.Add(key("crowd", 1))
	q.AddAfter(key("crowd", 2), time.Microsecond)
	q.AddRateLimited(key("crowd", 3))
	q.Add(key("shop", 1))
	if got, _, _ := q.GetWithPriority(); got != key("shop", 1) {
		t.Errorf("%s is worked on", got)
	}
	if n := q.Len(); n != 0 {
		t.Errorf("%d keys wait for a worker", n)
	}
}
