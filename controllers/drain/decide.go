// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"math"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// decision holds the state of one call of Decide.
type decision struct {
	Input
	// pods are in the order in which they become victims.
	pods []*Pod
	// sets are the same pods by ReplicaSet, in the same order.
	sets map[types.UID][]*Pod
	// rolling reports whether pods of two templates stand side by side, or will.
	rolling bool
	victims map[*Pod]bool
	// strict: only victims may go, even if other pods have no job.
	strict bool
	plan   Plan
}

// Decide plans the next step from the present pool to the wanted one.
func Decide(in Input) Plan {
	d := newDecision(in)
	switch {
	case d.replacing():
		d.replace()
	case in.Wanted > in.Replicas:
		d.plan.Replicas = in.Wanted
		d.plan.Reason = ScaledUp
		d.release()
	case in.Wanted == in.Replicas:
		d.plan.Reason = Settled
		d.release()
	case d.frozen() && in.Wanted > 0:
		d.plan.Reason = AwaitingRollout
		d.release()
	case d.removing() && in.Wanted > 0:
		d.plan.Reason = AwaitingRemoval
	default:
		d.shrink()
	}
	d.plan.Message = d.message()
	return d.plan
}

func newDecision(in Input) *decision {
	if in.Silence <= 0 {
		in.Silence = DefaultSilence
	}
	d := &decision{
		Input: in, sets: map[types.UID][]*Pod{}, victims: map[*Pod]bool{},
		plan: Plan{Replicas: in.Replicas, Costs: map[string]int32{}},
	}
	for i := range in.Pods {
		d.pods = append(d.pods, &in.Pods[i])
	}
	rank(d.pods, in.Now, in.Silence)
	for _, pod := range d.pods {
		d.sets[pod.ReplicaSet] = append(d.sets[pod.ReplicaSet], pod)
	}
	d.rolling = in.RollingOut || len(d.sets) > 1
	return d
}

// frozen reports whether a rollout is in progress that may end by itself.
func (d *decision) frozen() bool { return d.rolling && !d.DeadlinePassed }

// removing reports whether there are more pods than the Deployment asks for. Some of them
// are about to be deleted, and the operator can no longer influence which.
func (d *decision) removing() bool {
	most := d.Replicas
	if d.rolling {
		most += d.MaxSurge
	}
	return int32(len(d.pods)) > most
}

// release takes back what was done to pods that are needed again.
func (d *decision) release() {
	if d.removing() {
		if d.plan.Reason == Settled {
			d.plan.Reason = AwaitingRemoval
		}
		return
	}
	missing := int(d.Wanted) - d.serving()
	for _, pod := range slices.Backward(d.pods) {
		// A rollout removes drained pods as well as other pods, so pods that the pool can
		// do without stay cordoned.
		if !pod.Cordoned || d.rolling && missing <= 0 {
			continue
		}
		d.uncordon(pod)
		if pod.Ready {
			missing--
		}
	}
	d.takeBackCosts()
}

// serving counts the pods that take jobs.
func (d *decision) serving() int {
	n := 0
	for _, pod := range d.pods {
		if pod.Ready && !pod.Cordoned {
			n++
		}
	}
	return n
}

func (d *decision) uncordon(pod *Pod) {
	d.plan.Uncordon = append(d.plan.Uncordon, pod.Name)
	slices.Sort(d.plan.Uncordon)
	if pod.DeletionCost == MinimumCost {
		d.plan.Costs[pod.Name] = 0
	}
}

// takeBackCosts takes the lowest cost from pods that are not on their way out: a user may
// have un-cordoned such a pod, or it was marked before it started. Any other cost was not
// set by the operator.
func (d *decision) takeBackCosts() {
	for _, pod := range d.pods {
		if !pod.Cordoned && pod.DeletionCost == MinimumCost && !d.victims[pod] {
			d.plan.Costs[pod.Name] = 0
		}
	}
}

// shrink takes the pool a step towards fewer pods.
func (d *decision) shrink() {
	excess := int(d.Replicas - d.Wanted)
	unborn := 0
	if !d.rolling {
		// A ReplicaSet gives up pods that it has not created before it removes a pod.
		unborn = min(max(int(d.Replicas)-len(d.pods), 0), excess)
	}
	going := excess - unborn
	if d.rolling {
		going = d.affordable(excess)
	}
	d.choose(going)
	for _, pod := range d.pods {
		if pod.Cordoned && !d.victims[pod] {
			d.uncordon(pod)
		}
	}
	d.takeBackCosts()
	d.cordon()
	d.lower(unborn, going)
}

// affordable returns how many pods of each ReplicaSet are made ready to go while a rollout
// is stuck. The Deployment controller divides the loss over its ReplicaSets, so each of
// them needs as many. The number of cordoned pods does not exceed the excess, or one pod
// of each ReplicaSet.
func (d *decision) affordable(excess int) int {
	for n := excess; n > 1; n-- {
		cordoned := 0
		for _, set := range d.sets {
			for _, pod := range set[:min(n, len(set))] {
				if !pod.neverStarted() {
					cordoned++
				}
			}
		}
		if cordoned <= excess {
			return n
		}
	}
	return min(excess, 1)
}

// choose makes the first pods of each ReplicaSet victims, or all pods if none is wanted.
func (d *decision) choose(going int) {
	for _, set := range d.sets {
		n := min(going, len(set))
		if d.Wanted == 0 {
			n = len(set)
		}
		for _, pod := range set[:n] {
			d.victims[pod] = true
		}
	}
}

// cordon cordons the victims that may have a job. It plans a recheck for the time when a
// silent victim will have been silent long enough.
func (d *decision) cordon() {
	for _, pod := range d.pods {
		if !d.victims[pod] || d.removable(pod) {
			continue
		}
		from := pod.silentFrom(d.Now)
		if from.IsZero() {
			d.plan.Cordon = append(d.plan.Cordon, pod.Name)
			from = d.Now
		}
		d.recheck(from.Add(d.Silence).Sub(d.Now))
	}
	slices.Sort(d.plan.Cordon)
}

func (d *decision) recheck(after time.Duration) {
	if d.plan.Recheck == 0 || after < d.plan.Recheck {
		d.plan.Recheck = after
	}
}

// removable reports whether no job is lost with a pod.
func (d *decision) removable(pod *Pod) bool {
	return pod.neverStarted() && (!d.strict || d.victims[pod]) ||
		d.victims[pod] && (pod.Abandoned || pod.drained(d.Now, d.Silence))
}

// leaving reports whether a pod is a victim and may go.
func (d *decision) leaving(pod *Pod) bool { return d.victims[pod] && d.removable(pod) }

// lower lowers replicas as far as it may, and prepares the rest.
func (d *decision) lower(unborn, going int) {
	d.plan.Replicas = d.lowest(unborn, going)
	switch {
	case d.plan.Replicas != d.Replicas:
		d.plan.Reason = ScaledDown
	case d.unfinished() > 0:
		d.plan.Reason = Draining
	default:
		d.plan.Reason = Ranking
	}
	if d.plan.Replicas > d.Wanted && !d.frozen() {
		d.markDrained()
	}
}

// lowest returns how low replicas may be now: as many pods go as are sure to be the
// right ones.
func (d *decision) lowest(unborn, going int) int32 {
	sure := d.sure()
	switch {
	case d.Wanted == 0 && d.allRemovable():
		return 0
	case d.removing(), d.frozen():
		return d.Replicas // only all pods at once can go
	case !d.rolling:
		return d.Replicas - int32(unborn+min(sure, going))
	case sure >= going && going < int(d.Replicas):
		// Not in parts, because it could not be seen which part the controllers have done.
		// And not to zero, because then the rollout's additional pods would go as well.
		return d.Replicas - int32(going)
	}
	return d.Replicas
}

// sure returns how many pods may be removed from any ReplicaSet so that only removable
// pods can be hit. If all pods are removable, no number is too large.
func (d *decision) sure() int {
	sure := math.MaxInt
	for _, set := range d.sets {
		if n := d.sureOf(set); n < len(set) {
			sure = min(sure, n)
		}
	}
	return sure
}

// sureOf counts the pods of a ReplicaSet that go before any pod that is not removable.
func (d *decision) sureOf(set []*Pod) int {
	blocked := d.blockedClasses(set)
	n := 0
	for _, pod := range set {
		if !slices.ContainsFunc(blocked, func(c class) bool { return !pod.goesBefore(c) }) {
			n++
		}
	}
	return n
}

// blockedClasses returns the classes of a ReplicaSet's pods that are not removable.
func (d *decision) blockedClasses(set []*Pod) []class {
	var blocked []class
	for _, pod := range set {
		if !d.removable(pod) && !slices.Contains(blocked, pod.class()) {
			blocked = append(blocked, pod.class())
		}
	}
	return blocked
}

func (d *decision) allRemovable() bool {
	return !slices.ContainsFunc(d.pods, func(pod *Pod) bool { return !d.removable(pod) })
}

// markDrained gives victims that may go the lowest cost if their ReplicaSet could not tell
// them from pods that must stay.
func (d *decision) markDrained() {
	for _, set := range d.sets {
		blocked := d.blockedClasses(set)
		for _, pod := range set {
			unsure := slices.ContainsFunc(blocked, func(c class) bool { return !pod.goesBefore(c) })
			if d.leaving(pod) && pod.DeletionCost != MinimumCost && unsure {
				d.plan.Costs[pod.Name] = MinimumCost
			}
		}
	}
}
