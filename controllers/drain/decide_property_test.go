// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

// cases is the number of pools that each property is tried on.
const cases = 100_000

// stablePasses is the number of passes after which nothing is left to write even if no
// agent or controller reacts. A plan takes back costs and cordons, marks, lowers, and in a
// stuck rollout calls back pods that are needed then.
const stablePasses = 5

// promise is what a plan must keep, tried on one pool.
type promise struct {
	*rapid.T
	in    Input
	plan  Plan
	after Input
	pods  map[string]Pod // before
}

func (p promise) rolling() bool {
	return p.in.RollingOut || slices.ContainsFunc(p.in.Pods, func(pod Pod) bool { return pod.ReplicaSet != p.in.Pods[0].ReplicaSet })
}

func (p promise) sets() map[types.UID][]Pod {
	sets := map[types.UID][]Pod{}
	for _, pod := range p.after.Pods {
		sets[pod.ReplicaSet] = append(sets[pod.ReplicaSet], pod)
	}
	return sets
}

// TestAPlanKeepsItsPromises tries every promise on any pool.
func TestAPlanKeepsItsPromises(t *testing.T) {
	check(t, cases, func(t *rapid.T) {
		in := anyInput(t)
		before := slices.Clone(in.Pods)
		p := promise{T: t, in: in, plan: Decide(in), pods: map[string]Pod{}}
		if !slices.Equal(before, in.Pods) {
			t.Fatal("the input was changed")
		}
		for _, pod := range in.Pods {
			p.pods[pod.Name] = pod
		}
		p.after = apply(in, p.plan)
		p.replicas()
		p.nothingIsLost()
		p.idleFirst()
		p.noMoreThanNeeded()
		p.wellFormed()
		p.frozenInARollout()
		p.costs()
		p.asManyServe()
		if p.plan.Message == "" || p.plan.Recheck < 0 {
			t.Fatalf("the plan is %+v", p.plan)
		}
	})
}

// replicas: the number of replicas stays between the present and the wanted number.
func (p promise) replicas() {
	if p.plan.Replicas < p.in.Wanted {
		p.Fatalf("%d replicas where %d are wanted", p.plan.Replicas, p.in.Wanted)
	}
	most := max(p.in.Wanted, p.in.Replicas)
	if p.plan.Reason == Replacing {
		most = p.in.Wanted + max(p.in.MaxReplaced, 1)
	}
	if p.plan.Replicas > most {
		p.Fatalf("%d replicas where there are %d and %d are wanted", p.plan.Replicas, p.in.Replicas, p.in.Wanted)
	}
}

// nothingIsLost: no job is lost, whichever pods the controllers remove for the lower
// replicas.
func (p promise) nothingIsLost() {
	lowered := int(p.in.Replicas - p.plan.Replicas)
	if lowered <= 0 {
		return
	}
	for _, set := range p.sets() {
		lost := lostTo(set, len(set)-int(p.plan.Replicas))
		if p.rolling() {
			lost = lostTo(set, lowered)
		}
		if p.plan.Replicas == 0 {
			lost = set
		}
		for _, pod := range lost {
			if !harmless(p.after, pod) {
				p.Fatalf("lowered by %d, and %s may be hit: %+v", lowered, pod.Name, pod)
			}
		}
	}
}

// idleFirst: a busy or unknown pod does not become a victim if an idle pod that its
// ReplicaSet ranks equal stays.
func (p promise) idleFirst() {
	for _, name := range p.plan.Cordon {
		victim := p.pods[name]
		if victim.Cordoned || victim.outgoing() || victim.Heard && victim.Busy == 0 {
			continue
		}
		for _, other := range p.after.Pods {
			before := p.pods[other.Name]
			if other.ReplicaSet == victim.ReplicaSet && before.lastingClass() == victim.lastingClass() &&
				!before.Cordoned && !other.Cordoned && other.Heard && other.Busy == 0 {
				p.Fatalf("%s is cordoned (busy: %d, heard: %t) while %s is idle", name, victim.Busy, victim.Heard, other.Name)
			}
		}
	}
}

// noMoreThanNeeded: the number of cordoned pods does not exceed the number of surplus pods.
func (p promise) noMoreThanNeeded() {
	most := int(max(p.in.Replicas-p.in.Wanted, 0))
	switch {
	case p.in.Wanted == 0 && p.in.Replicas > 0, !p.plan.Writes():
		return // all pods go, or nothing can be decided yet
	case p.rolling() && !p.in.DeadlinePassed, p.rolling() && most == 0:
		most = len(p.in.Pods)
	case p.rolling():
		most = max(most, len(p.sets()))
	}
	cordoned := 0
	for _, pod := range p.after.Pods {
		if pod.Cordoned && (pod.Started || pod.Heard) {
			cordoned++
		}
	}
	if cordoned > most {
		p.Fatalf("%d pods are cordoned, %d of %d are wanted", cordoned, p.in.Wanted, p.in.Replicas)
	}
}

// wellFormed: names are sorted, and no pod is both cordoned and un-cordoned.
func (p promise) wellFormed() {
	for _, names := range [][]string{p.plan.Cordon, p.plan.Uncordon} {
		if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
			p.Fatalf("the names are %v", names)
		}
	}
	for _, name := range p.plan.Uncordon {
		if slices.Contains(p.plan.Cordon, name) || !p.pods[name].Cordoned {
			p.Fatalf("%s is un-cordoned: %+v", name, p.pods[name])
		}
	}
}

// frozenInARollout: no pod goes for a smaller size, and no pod is called back that the
// size does not need.
func (p promise) frozenInARollout() {
	if !p.rolling() || p.in.DeadlinePassed || p.in.Wanted == 0 {
		return
	}
	if p.plan.Replicas < p.in.Replicas || len(p.plan.Cordon) > 0 {
		p.Fatalf("a rollout is in progress, and the plan is %+v", p.plan)
	}
	serving := 0
	for _, pod := range p.in.Pods {
		if pod.Ready && !pod.Cordoned {
			serving++
		}
	}
	released := 0
	for _, name := range p.plan.Uncordon {
		if p.pods[name].Ready {
			released++
		}
	}
	if missing := max(int(p.in.Wanted)-serving, 0); released > missing || missing == 0 && len(p.plan.Uncordon) > 0 {
		p.Fatalf("%d pods serve, %d are wanted, and %v are un-cordoned", serving, p.in.Wanted, p.plan.Uncordon)
	}
}

// costs: victims that may go get the lowest cost, and pods that stay lose it.
func (p promise) costs() {
	for name, cost := range p.plan.Costs {
		i := slices.IndexFunc(p.after.Pods, func(pod Pod) bool { return pod.Name == name })
		before, after := p.pods[name], p.after.Pods[i]
		switch {
		case cost == MinimumCost && before.DeletionCost != MinimumCost && (harmless(p.after, after) || !after.Started):
		case cost == 0 && before.DeletionCost == MinimumCost && (!before.Cordoned || !after.Cordoned):
		default:
			p.Fatalf("%s gets the cost %d: before %+v, after %+v", name, cost, before, after)
		}
	}
}

// asManyServe: while pods are replaced, as many pods take jobs as are wanted, or as did
// before.
func (p promise) asManyServe() {
	if p.plan.Reason != Replacing {
		return
	}
	serving := func(pods []Pod) (n int) {
		for _, pod := range pods {
			if pod.Ready && !pod.Cordoned {
				n++
			}
		}
		return n
	}
	before, after := serving(p.in.Pods), serving(p.after.Pods)
	if after < before && after < int(p.in.Wanted) {
		p.Fatalf("%d pods serve where %d did and %d are wanted: %+v", after, before, p.in.Wanted, p.plan)
	}
	for _, name := range p.plan.Cordon {
		if pod := p.pods[name]; !pod.outgoing() {
			p.Fatalf("%s is cordoned, which is not to be replaced", name)
		}
	}
}

// TestAPlanIsStable: a plan that is carried out and made again without news soon plans
// nothing. It never calls back a pod that it has just sent away.
func TestAPlanIsStable(t *testing.T) {
	check(t, cases, func(t *rapid.T) {
		in := anyInput(t)
		cordoned := map[string]bool{}
		for pass := 0; ; pass++ {
			plan := Decide(in)
			if again := Decide(in); !reflect.DeepEqual(plan, again) {
				t.Fatalf("the same pool gave %+v and %+v", plan, again)
			}
			if !plan.Writes() && plan.Replicas == in.Replicas {
				return
			}
			if pass == stablePasses {
				t.Fatalf("pass %d still plans %+v", pass, plan)
			}
			for _, name := range plan.Uncordon {
				if cordoned[name] {
					t.Fatalf("pass %d un-cordons %s, which was cordoned before", pass, name)
				}
			}
			for _, name := range plan.Cordon {
				if cordoned[name] {
					t.Fatalf("pass %d cordons %s again", pass, name)
				}
				cordoned[name] = true
			}
			in = apply(in, plan)
		}
	})
}

// TestVictimsStay: a chosen victim goes, whatever the other pods do meanwhile.
func TestVictimsStay(t *testing.T) {
	check(t, cases, func(t *rapid.T) {
		in := anyInput(t)
		plan := Decide(in)
		if plan.Replicas != in.Replicas || plan.Reason != Draining {
			return
		}
		in = apply(in, plan)
		for i, bits := range rapid.SliceOfN(rapid.Uint64(), len(in.Pods), len(in.Pods)).Draw(t, "meanwhile") {
			pod, work := &in.Pods[i], anyPod(i, 1, bits)
			switch {
			case !pod.Heard:
			case !pod.Cordoned:
				pod.Busy, pod.JobStarted = work.Busy, work.JobStarted
			case !pod.Drained && !pod.Obeys:
				pod.Obeys = work.Started
			}
		}
		if later := Decide(in); len(later.Cordon) > 0 || len(later.Uncordon) > 0 {
			t.Fatalf("the plan was %+v and is now %+v", plan, later)
		}
	})
}

// TestAPoolReachesItsSize: victims drain and controllers act. After a bounded number of
// passes there are as many pods as wanted, none of them cordoned or due to be replaced.
func TestAPoolReachesItsSize(t *testing.T) {
	check(t, cases, func(t *rapid.T) {
		in := anyInput(t)
		in.RollingOut = in.RollingOut && in.DeadlinePassed // otherwise it ends by itself
		in.Awaiting = false                                // likewise
		if !in.RollingOut {
			in.MaxSurge = 0
			for i := range in.Pods {
				in.Pods[i].ReplicaSet = "set"
			}
		}
		most := 8 + 6*len(in.Pods)
		for pass := 0; ; pass++ {
			plan := Decide(in)
			if !plan.Writes() && plan.Replicas == in.Replicas && in.Replicas == in.Wanted && len(in.Pods) <= int(in.Wanted+in.MaxSurge) {
				break
			}
			if pass == most {
				t.Fatalf("after %d passes there are %d pods, %d replicas, %d wanted, and the plan is %+v",
					pass, len(in.Pods), in.Replicas, in.Wanted, plan)
			}
			in = createMissing(drainVictims(removeSurplus(t, apply(in, plan))), pass)
			if in.Replicas == 0 {
				in.Pods = nil
			}
		}
		for _, pod := range in.Pods {
			if (pod.Cordoned || pod.outgoing()) && !in.RollingOut {
				t.Fatalf("%s is still here: %+v", pod.Name, pod)
			}
		}
	})
}

// createMissing plays the controllers' other part: missing pods are created, and earlier
// pods are ready and idle by then.
func createMissing(in Input, pass int) Input {
	in.Pods = slices.Clone(in.Pods)
	for i := range in.Pods {
		pod := &in.Pods[i]
		pod.Scheduled, pod.Running, pod.Ready = true, true, true
		pod.Started, pod.Heard, pod.LastHeard = true, true, in.Now
	}
	for len(in.Pods) < int(in.Replicas) {
		in.Pods = append(in.Pods, Pod{Name: fmt.Sprintf("new-%d-%d", pass, len(in.Pods)), ReplicaSet: "set", Created: in.Now})
	}
	return in
}

// removeSurplus plays the controllers: each surplus pod goes, from any ReplicaSet. Of the
// pods that the ReplicaSet ranks equal, the last one goes.
func removeSurplus(t *rapid.T, in Input) Input {
	for len(in.Pods) > int(in.Replicas+in.MaxSurge) {
		sets := map[types.UID][]Pod{}
		for _, pod := range in.Pods {
			sets[pod.ReplicaSet] = append(sets[pod.ReplicaSet], pod)
		}
		from := in.Pods[0].ReplicaSet
		if len(sets) > 1 {
			from = in.Pods[rapid.IntRange(0, len(in.Pods)-1).Draw(t, "from the set of")].ReplicaSet
		}
		lost := lostTo(sets[from], 1)
		name := lost[len(lost)-1].Name
		in.Pods = slices.DeleteFunc(slices.Clone(in.Pods), func(pod Pod) bool { return pod.Name == name })
	}
	return in
}

// drainVictims lets every agent do what it was told.
func drainVictims(in Input) Input {
	for i := range in.Pods {
		pod := &in.Pods[i]
		if pod.Cordoned {
			pod.Heard, pod.LastHeard, pod.Obeys, pod.Drained, pod.Busy = true, in.Now, true, true, 0
		}
	}
	return in
}
