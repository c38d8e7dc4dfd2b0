// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"cmp"
	"slices"
)

// replaced returns how many pods may be replaced at once.
func (d *decision) replaced() int32 { return max(d.MaxReplaced, 1) }

// outgoing returns the pods to be replaced, in the order in which they go: first the pods
// that are already on their way out.
func (d *decision) outgoing() []*Pod {
	out := slices.DeleteFunc(slices.Clone(d.pods), func(pod *Pod) bool { return !pod.outgoing() })
	slices.SortStableFunc(out, func(a, b *Pod) int {
		return cmp.Or(cmp.Compare(a.stage(d.Now, d.Silence), b.stage(d.Now, d.Silence)), cmp.Compare(a.leave(), b.leave()))
	})
	return out
}

// replacing reports whether pods must be replaced and may be now. The pool must have the
// wanted size, or exceed it by no more pods than may be replaced at once. It must not be
// paused, and there must be no rollout, which replaces all pods. A pool on its way to a
// smaller size gets there first.
func (d *decision) replacing() bool {
	surplus := d.Replicas - d.Wanted
	return !d.Paused && d.Wanted > 0 && surplus >= 0 && surplus <= d.replaced() && !d.rolling && !d.shrinking() &&
		(d.awaiting() || slices.ContainsFunc(d.pods, (*Pod).outgoing))
}

// shrinking reports whether pods are on their way out that will not be replaced. Of a
// cordoned pod that has not reported yet, this is not known: a new operator must not take
// it back and send another pod away in its place.
func (d *decision) shrinking() bool {
	return d.Replicas > d.Wanted && slices.ContainsFunc(d.pods, func(pod *Pod) bool {
		return pod.Cordoned && !pod.outgoing() && (pod.Heard || !d.Awaiting)
	})
}

// awaiting reports whether there are more pods than wanted for a reason that is not yet
// known.
func (d *decision) awaiting() bool { return d.Awaiting && d.Replicas > d.Wanted }

// replace takes a step towards other pods of the same number. A successor is created
// first. Once it serves, a pod is drained and removed as when a pool becomes smaller.
func (d *decision) replace() {
	d.plan.Reason = Replacing
	if d.removing() || d.awaiting() {
		return
	}
	d.strict = true
	outgoing := d.outgoing()
	surplus := d.Replicas - d.Wanted
	d.sendAway(outgoing, int(surplus))
	for _, pod := range d.pods {
		if pod.Cordoned && !d.victims[pod] {
			d.uncordon(pod)
		}
	}
	d.takeBackCosts()
	d.cordon()
	// A ReplicaSet gives up pods that it has not created before it removes a pod.
	created := len(d.pods) == int(d.Replicas)
	if gone := min(d.sure(), len(d.victims)); created && gone > 0 {
		d.plan.Replicas -= int32(gone)
		return
	}
	d.markDrained()
	if wanted := d.Wanted + min(d.replaced(), int32(len(outgoing))) - d.Leaving; wanted > d.Replicas {
		d.plan.Replicas = wanted
	}
}

// sendAway makes outgoing pods victims: as many as there are pods beyond the wanted
// number, and only while enough pods serve. A pod on its way out comes back if another pod
// no longer serves.
func (d *decision) sendAway(outgoing []*Pod, surplus int) {
	spare := d.serving() - int(d.Wanted)
	for _, pod := range outgoing {
		if len(d.victims) == surplus {
			return
		}
		switch {
		case pod.Ready && pod.Cordoned && spare < 0:
			spare++
			continue
		case pod.Ready && !pod.Cordoned && spare <= 0:
			continue
		case pod.Ready && !pod.Cordoned:
			spare--
		}
		d.victims[pod] = true
	}
}
