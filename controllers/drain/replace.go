// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"cmp"
	"slices"
)

// replaced is how many pods may be replaced at once.
func (d *decision) replaced() int32 { return max(d.MaxReplaced, 1) }

// outgoing are the pods to be replaced, in the order in which they go: first those that
// are on their way.
func (d *decision) outgoing() []*Pod {
	out := slices.DeleteFunc(slices.Clone(d.pods), func(pod *Pod) bool { return !pod.outgoing() })
	slices.SortStableFunc(out, func(a, b *Pod) int {
		return cmp.Or(cmp.Compare(a.stage(d.Now, d.Silence), b.stage(d.Now, d.Silence)), cmp.Compare(a.leave(), b.leave()))
	})
	return out
}

// replacing tells whether pods are to be replaced and may be now: the pool has the size
// that is wanted, or no more pods beyond it than may be replaced at once, it is not paused,
// and there is no rollout, which replaces them all. A pool on its way to a smaller size
// gets there first.
func (d *decision) replacing() bool {
	surplus := d.Replicas - d.Wanted
	return !d.Paused && d.Wanted > 0 && surplus >= 0 && surplus <= d.replaced() && !d.rolling && !d.shrinking() &&
		(d.awaiting() || slices.ContainsFunc(d.pods, (*Pod).outgoing))
}

// shrinking tells whether pods are on their way out that are not to be replaced.
func (d *decision) shrinking() bool {
	return d.Replicas > d.Wanted && slices.ContainsFunc(d.pods, func(pod *Pod) bool { return pod.Cordoned && !pod.outgoing() })
}

// awaiting tells that there are more pods than wanted, and that it is yet to be heard
// what for.
func (d *decision) awaiting() bool { return d.Awaiting && d.Replicas > d.Wanted }

// replace brings the pool nearer to other pods of the same number. A successor is created
// first, and once it serves, a pod is drained and removed as when a pool becomes smaller.
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
	// A ReplicaSet gives up what it has not created before it removes a pod.
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

// sendAway makes as many of the outgoing pods victims as there are pods beyond those
// wanted, and no more than leave as many serving as are wanted. One that is on its way
// comes back where another that served does not any more.
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
