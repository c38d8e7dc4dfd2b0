// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"cmp"
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/queueworker/plan"
	"queueworker.dev/queueworker/controllers/scaling"
	"queueworker.dev/queueworker/controllers/workqueue"
)

// caps holds what pools have of the caps they share. Sizes under a cap are decided one
// at a time. A pool grows only into what no other pool has, and a pool that must give
// processes up has done so only when its status says so. So all sizes together never
// exceed the cap, whichever pool is looked at first.
//
// It learns of every pool from the cache (see), so that a look at one pool need not
// read all others. The sums of wants and sizes are updated with each change. A cap is
// divided again only after a claim or the cap itself has changed. So if a QueueApp
// wakes n pools, its cap is divided once.
type caps struct {
	mu sync.Mutex
	// claimants are the pools that name the same QueueApp in spec.appName, or none.
	claimants map[types.NamespacedName]*claimants
	// under maps a pool to the claimants it is among.
	under map[types.NamespacedName]types.NamespacedName
	// changes counts the changes so far.
	changes uint64
}

// claimants are pools, and the sums of what they ask for and have.
type claimants struct {
	pools map[string]*share
	// wanted and taken are sums over all pools, in processes of whole pods.
	wanted, taken int64
	// version is the version of their claims.
	version uint64
	// division is the last division of their cap, if they are the first claimants under it.
	division division
}

// share holds a pool's last claim on its cap, and its part of the cap.
type share struct {
	claim scaling.Claim
	// decided reports whether the claim comes from a look at the pool, not only from
	// its object.
	decided bool
	// held is the decided size, in processes of whole pods, and told the size in the
	// pool's status.
	held, told int32
}

// taken returns how many processes other pools must leave to the pool.
func (s *share) taken() int64 { return int64(max(s.held, s.told)) }

// division is a divided cap.
type division struct {
	limit    int32
	unnamed  bool
	versions [2]uint64
	scarce   bool
	// grants are by the names of the pools; there are none if the cap suffices for all.
	grants map[string]scaling.Grant
}

// size decides the size of a pool. If that makes its cap too small for all, it returns
// the other pools under the cap, which must be reconciled again.
func (c *caps) size(w *plan.World) (s plan.Size, scarceNow []types.NamespacedName) {
	s = plan.SizeOf(w)
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.App == nil || w.App.Spec.MaxProcesses == nil {
		c.note(w.Worker, func(own *share) { *own = share{claim: plan.ClaimOf(w.Worker)} })
		return s, nil
	}
	var own *share
	c.note(w.Worker, func(known *share) {
		known.claim, known.decided = s.Claim, true
		own = known
	})
	limit := *w.App.Spec.MaxProcesses
	sharing := c.sharing(w)
	cut, scarceNow := c.divide(w, sharing)
	grant, ok := cut.grants[w.Worker.Name]
	if !ok {
		grant = scaling.Share(-1, []scaling.Claim{s.Claim})[0]
	}
	free := int64(limit) + own.taken()
	for _, all := range sharing {
		free -= all.taken
	}
	s.Within(grant, cut.scarce, int32(max(free, 0)), w)
	c.note(w.Worker, func(known *share) { known.held = plan.WholePods(s.Processes, &w.Worker.Spec) })
	return s, scarceNow
}

// sharing returns the pools under the cap of a pool's QueueApp: pools that name it, and
// pools that name none if they use it. The pool itself is among them.
func (c *caps) sharing(w *plan.World) []*claimants {
	names := []string{cmp.Or(w.Worker.Spec.AppName, w.App.Name)}
	if names[0] != "" && (w.Unnamed || w.Worker.Spec.AppName == "") {
		names = append(names, "")
	}
	var out []*claimants
	for _, name := range names {
		if all := c.claimants[types.NamespacedName{Namespace: w.Worker.Namespace, Name: name}]; all != nil {
			out = append(out, all)
		}
	}
	return out
}

// divide divides a cap, unless nothing has changed since its last division.
func (c *caps) divide(w *plan.World, sharing []*claimants) (division, []types.NamespacedName) {
	before := sharing[0].division
	next := division{limit: *w.App.Spec.MaxProcesses, unnamed: w.Unnamed}
	var wanted int64
	for i, all := range sharing {
		next.versions[i] = all.version
		wanted += all.wanted
	}
	if before.limit == next.limit && before.unnamed == next.unnamed && before.versions == next.versions {
		return before, nil
	}
	var others []types.NamespacedName
	if next.scarce = wanted > int64(next.limit); next.scarce {
		next.grants = grantsOf(next.limit, sharing)
		if !before.scarce {
			others = namesOf(w.Worker, sharing)
		}
	}
	sharing[0].division = next
	return next, others
}

// grantsOf divides a cap among pools.
func grantsOf(limit int32, sharing []*claimants) map[string]scaling.Grant {
	var claims []scaling.Claim
	for _, all := range sharing {
		for _, pool := range all.pools {
			claims = append(claims, pool.claim)
		}
	}
	out := make(map[string]scaling.Grant, len(claims))
	for _, grant := range scaling.Share(limit, claims) {
		out[grant.Name] = grant
	}
	return out
}

// namesOf returns the names of all pools except one.
func namesOf(but *v1alpha1.QueueWorker, sharing []*claimants) []types.NamespacedName {
	var out []types.NamespacedName
	for _, all := range sharing {
		for name := range all.pools {
			if name != but.Name {
				out = append(out, types.NamespacedName{Namespace: but.Namespace, Name: name})
			}
		}
	}
	return out
}

// note changes the record of a pool, and keeps the sums.
func (c *caps) note(worker *v1alpha1.QueueWorker, change func(*share)) {
	name := client.ObjectKeyFromObject(worker)
	under := types.NamespacedName{Namespace: worker.Namespace, Name: worker.Spec.AppName}
	own := &share{}
	if before, ok := c.under[name]; ok {
		own = c.claimants[before].pools[worker.Name]
		if before != under {
			c.leave(name)
		} else {
			c.claimants[under].add(own, -1)
		}
	}
	all, claim := c.join(name, under, own), own.claim
	change(own)
	own.told = worker.Status.Desired
	if own.claim != claim {
		c.changed(all)
	}
	all.add(own, 1)
}

// join adds a pool to the claimants it belongs to.
func (c *caps) join(name, under types.NamespacedName, own *share) *claimants {
	if c.claimants == nil {
		c.claimants, c.under = map[types.NamespacedName]*claimants{}, map[types.NamespacedName]types.NamespacedName{}
	}
	all := c.claimants[under]
	if all == nil {
		all = &claimants{pools: map[string]*share{}}
		c.claimants[under] = all
	}
	if all.pools[name.Name] != own {
		all.pools[name.Name] = own
		c.under[name] = under
		c.changed(all)
	}
	return all
}

// leave removes a pool from the claimants it was among.
func (c *caps) leave(name types.NamespacedName) {
	under, ok := c.under[name]
	if !ok {
		return
	}
	all := c.claimants[under]
	all.add(all.pools[name.Name], -1)
	delete(all.pools, name.Name)
	delete(c.under, name)
	c.changed(all)
	if len(all.pools) == 0 {
		delete(c.claimants, under)
	}
}

func (c *caps) changed(all *claimants) {
	c.changes++
	all.version = c.changes
}

// add adds a pool to the sums, or subtracts it from them.
func (a *claimants) add(pool *share, sign int64) {
	a.wanted += sign * pool.claim.Whole()
	a.taken += sign * pool.taken()
}

// see records a pool as the cache has it. A decision counts for more than the object.
func (c *caps) see(worker *v1alpha1.QueueWorker) {
	if worker.DeletionTimestamp != nil {
		c.forget(client.ObjectKeyFromObject(worker))
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note(worker, func(known *share) {
		if !known.decided {
			known.claim = plan.ClaimOf(worker)
		}
	})
}

func (c *caps) forget(name types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leave(name)
}

// handler passes every pool that the cache receives to caps. It wakes no pool.
func (c *caps) handler() handler.EventHandler {
	see := func(object client.Object) {
		if worker, ok := object.(*v1alpha1.QueueWorker); ok {
			c.see(worker)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, _ workqueue.Requests) { see(e.Object) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, _ workqueue.Requests) { see(e.ObjectNew) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ workqueue.Requests) {
			c.forget(client.ObjectKeyFromObject(e.Object))
		},
	}
}
