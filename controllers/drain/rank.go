// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"cmp"
	"slices"
	"time"
)

// class is what of a ReplicaSet's ranking can be foreseen: pods of a lower class are
// removed first. Which of one class goes first is not relied upon: it depends on
// nodes, on the logarithm of ages, and on UIDs.
type class struct {
	group int
	cost  int32
}

func compareClasses(a, b class) int {
	return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.cost, b.cost))
}

// The groups of pods that a ReplicaSet tells apart before it looks at deletion costs.
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

// goesBefore tells whether a ReplicaSet removes the pod before any of a class. It may
// act some moments after it was asked, and a pod that has a node may be ready by then:
// of one that goes before ready pods, the cost must say so too.
func (p *Pod) goesBefore(c class) bool {
	if p.Scheduled && c.group == ready {
		return p.DeletionCost < c.cost
	}
	return compareClasses(p.class(), c) < 0
}

// neverStarted tells that the pod cannot have a job.
func (p *Pod) neverStarted() bool { return !p.Started && !p.Heard }

// silentFrom is the time from which a victim's silence counts; zero if it is not
// cordoned, or since a time that cannot be believed.
//
// An agent that obeys finishes its job however long it takes, as long as it is heard
// of. One that does not obey may not know how to, so that it is heard of says nothing.
func (p *Pod) silentFrom(now time.Time) time.Time {
	if !p.Cordoned || p.CordonedAt.After(now) {
		return time.Time{}
	}
	if p.Obeys && p.LastHeard.After(p.CordonedAt) {
		return p.LastHeard
	}
	return p.CordonedAt
}

// drained tells that a cordoned pod has no job, or has been silent for so long that
// it counts as such.
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

// rank sorts pods in the order in which they become victims: that of their classes,
// and within a class the order that the pool has most of.
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

// lastingClass is the class with the cost that a pod will get that has to go first.
func (p *Pod) lastingClass() class {
	c := p.class()
	if p.outgoing() {
		c.cost = MinimumCost
	}
	return c
}

// outgoing tells whether a pod is to be replaced, or to go before others.
func (p *Pod) outgoing() bool { return p.Retire || p.Due }

// leave is the order in which pods go that are the same to their ReplicaSet.
func (p *Pod) leave() int {
	switch {
	case p.Retire:
		return 0
	case p.Due:
		return 1
	}
	return 2
}

// unborn is 0 for a pod that goes before any other its ReplicaSet holds for equal.
func (p *Pod) unborn() int {
	if p.neverStarted() {
		return 0
	}
	return 1
}

// stage is how far a pod is on its way out: the farther, the earlier it is a victim,
// so that a plan stays as it is, and that those come back first which still work.
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

// load is 0 for an idle pod, 1 for a busy one, and 2 for one of which it is not
// known: that one would have to be waited for longest.
func (p *Pod) load() int {
	switch {
	case !p.Heard:
		return 2
	case p.Busy > 0:
		return 1
	}
	return 0
}
