// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"cmp"
	"slices"
	"time"
)

// class is the predictable part of a ReplicaSet's ranking: pods of a lower class are
// removed first. The order within a class is not relied upon, because it depends on nodes,
// on the logarithm of ages, and on UIDs.
type class struct {
	group int
	cost  int32
}

func compareClasses(a, b class) int {
	return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.cost, b.cost))
}

// The groups of pods that a ReplicaSet distinguishes before it compares deletion costs.
const (
	unscheduled = iota
	pending
	notReady
	ready
)

func (p *Pod) group() int {
	switch {
	case !p.Scheduled:
		return unscheduled
	case !p.Running:
		return pending
	case !p.Ready:
		return notReady
	}
	return ready
}

func (p *Pod) class() class { return class{group: p.group(), cost: p.DeletionCost} }

// goesBefore reports whether a ReplicaSet removes the pod before every pod of a class. The
// ReplicaSet may act some moments after it was asked, and a pod that has a node may be
// ready by then. So for such a pod to go before ready pods, its cost must be lower too.
func (p *Pod) goesBefore(c class) bool {
	if p.Scheduled && c.group == ready {
		return p.DeletionCost < c.cost
	}
	return compareClasses(p.class(), c) < 0
}

// neverStarted reports whether the pod cannot have a job because it never started.
func (p *Pod) neverStarted() bool { return !p.Started && !p.Heard }

// silentFrom returns the time from which a victim's silence counts. It is zero if the
// victim is not cordoned, or the time of its cordon is implausible.
//
// An agent that obeys finishes its job however long it takes, as long as it answers. An
// agent that does not obey may not know how to, so its answers prove nothing.
func (p *Pod) silentFrom(now time.Time) time.Time {
	if !p.Cordoned || p.CordonedAt.After(now) {
		return time.Time{}
	}
	if p.Obeys && p.LastHeard.After(p.CordonedAt) {
		return p.LastHeard
	}
	return p.CordonedAt
}

// drained reports whether a cordoned pod has no job, or has been silent for so long that
// it counts as drained.
func (p *Pod) drained(now time.Time, silence time.Duration) bool {
	if !p.Cordoned {
		return false
	}
	if p.Obeys && p.Drained {
		return true
	}
	from := p.silentFrom(now)
	return !from.IsZero() && now.Sub(from) >= silence
}

// rank sorts pods in the order in which they become victims: by class, and within a class
// in the order that serves the pool best.
func rank(pods []*Pod, now time.Time, silence time.Duration) {
	slices.SortFunc(pods, func(a, b *Pod) int {
		return cmp.Or(
			compareClasses(a.lastingClass(), b.lastingClass()),
			cmp.Compare(a.unborn(), b.unborn()),
			cmp.Compare(a.leave(), b.leave()),
			compareClasses(a.class(), b.class()),
			cmp.Compare(a.stage(now, silence), b.stage(now, silence)),
			cmp.Compare(a.load(), b.load()),
			cmp.Compare(a.Busy, b.Busy),
			b.JobStarted.Compare(a.JobStarted),
			b.Created.Compare(a.Created),
			cmp.Compare(a.Name, b.Name),
		)
	})
}

// lastingClass returns the class with the cost that an outgoing pod will get.
func (p *Pod) lastingClass() class {
	c := p.class()
	if p.outgoing() {
		c.cost = MinimumCost
	}
	return c
}

// outgoing reports whether a pod must be replaced, or must go before other pods.
func (p *Pod) outgoing() bool { return p.Retire || p.Due }

// leave orders pods that are equal to their ReplicaSet.
func (p *Pod) leave() int {
	switch {
	case p.Retire:
		return 0
	case p.Due:
		return 1
	}
	return 2
}

// unborn returns 0 for a pod that goes before every pod that its ReplicaSet ranks equal.
func (p *Pod) unborn() int {
	if p.neverStarted() {
		return 0
	}
	return 1
}

// stage returns how far a pod is on its way out. The farther it is, the earlier it is a
// victim, so that a plan stays stable and pods that still work come back first.
func (p *Pod) stage(now time.Time, silence time.Duration) int {
	switch {
	case p.neverStarted():
		return 0
	case p.drained(now, silence):
		return 1
	case p.Cordoned:
		return 2
	}
	return 3
}

// load returns 0 for an idle pod, 1 for a busy one, and 2 for an unknown pod, because the
// wait for that pod would be longest.
func (p *Pod) load() int {
	switch {
	case !p.Heard:
		return 2
	case p.Busy > 0:
		return 1
	}
	return 0
}
