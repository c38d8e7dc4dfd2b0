// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// change makes a pod special.
type change func(*Pod)

// podOf returns an idle ready pod with changes.
func podOf(name string, changes ...change) Pod {
	pod := Pod{
		Name: name, Created: now.Add(-time.Hour), ReplicaSet: "set", Scheduled: true, Running: true, Ready: true,
		Started: true, Heard: true, LastHeard: now.Add(-time.Second),
	}
	for _, change := range changes {
		change(&pod)
	}
	return pod
}

func busySince(ago time.Duration) change {
	return func(p *Pod) { p.Busy, p.JobStarted = 1, now.Add(-ago) }
}

func cordonedFor(d time.Duration) change {
	return func(p *Pod) { p.Cordoned, p.CordonedAt = true, now.Add(-d) }
}

func lastHeard(ago time.Duration) change {
	return func(p *Pod) { p.LastHeard = now.Add(-ago) }
}

func costing(cost int32) change { return func(p *Pod) { p.DeletionCost = cost } }

func obeying(p *Pod)     { p.Obeys = true }
func drained(p *Pod)     { p.Obeys, p.Drained, p.Busy = true, true, 0 }
func notReadyPod(p *Pod) { p.Ready = false }
func pendingPod(p *Pod) {
	p.Running, p.Ready, p.Started, p.Heard, p.LastHeard = false, false, false, false, time.Time{}
}
func unscheduledPod(p *Pod) {
	pendingPod(p)
	p.Scheduled = false
}
func neverHeard(p *Pod) { p.Heard, p.LastHeard = false, time.Time{} }
func older(p *Pod)      { p.ReplicaSet = "older set" }

func input(wanted, replicas int32, pods ...Pod) Input {
	return Input{Now: now, Silence: silence, Wanted: wanted, Replicas: replicas, Pods: pods}
}

func (in Input) rollingOut(deadlinePassed bool) Input {
	in.RollingOut, in.DeadlinePassed, in.MaxSurge = true, deadlinePassed, 1
	return in
}

func TestDecide(t *testing.T) {
	minute := cordonedFor(time.Minute)
	tests := map[string]struct {
		in   Input
		want Plan // without its message
	}{
		"as wanted": {
			input(2, 2, podOf("a"), podOf("b", busySince(0))),
			Plan{Replicas: 2, Reason: Settled},
		},
		"more are wanted": {
			input(5, 2, podOf("a"), podOf("b")),
			Plan{Replicas: 5, Reason: ScaledUp},
		},
		"more are wanted, and those on their way out are called back": {
			input(5, 2, podOf("a", minute, drained, costing(MinimumCost)), podOf("b", minute, busySince(0))),
			Plan{Replicas: 5, Uncordon: []string{"a", "b"}, Costs: map[string]int32{"a": 0}, Reason: ScaledUp},
		},
		"as many as before are wanted again": {
			input(2, 2, podOf("a", minute, obeying), podOf("b")),
			Plan{Replicas: 2, Uncordon: []string{"a"}, Reason: Settled},
		},
		"an idle pod goes rather than a busy one": {
			input(2, 3, podOf("a", busySince(time.Second)), podOf("b"), podOf("c", busySince(time.Hour))),
			Plan{Replicas: 3, Cordon: []string{"b"}, Recheck: silence, Reason: Draining},
		},
		"the youngest job's pod goes among busy ones": {
			input(2, 3, podOf("a", busySince(time.Hour)), podOf("b", busySince(time.Minute)), podOf("c", busySince(time.Second))),
			Plan{Replicas: 3, Cordon: []string{"c"}, Recheck: silence, Reason: Draining},
		},
		"a pod of which nothing is known goes last": {
			input(1, 3, podOf("a", neverHeard), podOf("b", busySince(time.Hour)), podOf("c", busySince(time.Minute))),
			Plan{Replicas: 3, Cordon: []string{"b", "c"}, Recheck: silence, Reason: Draining},
		},
		"a victim stays one though another is idle now": {
			input(1, 2, podOf("a", minute, obeying, busySince(time.Hour)), podOf("b")),
			Plan{Replicas: 2, Recheck: silence - time.Second, Reason: Draining},
		},
		"a drained victim is marked": {
			input(1, 2, podOf("a", minute, drained), podOf("b")),
			Plan{Replicas: 2, Costs: map[string]int32{"a": MinimumCost}, Reason: Ranking},
		},
		"a marked one may go": {
			input(1, 2, podOf("a", minute, drained, costing(MinimumCost)), podOf("b")),
			Plan{Replicas: 1, Reason: ScaledDown},
		},
		"one may go while another works": {
			input(1, 3, podOf("a", minute, drained, costing(MinimumCost)), podOf("b", minute, obeying, busySince(time.Hour)), podOf("c")),
			Plan{Replicas: 2, Recheck: silence - time.Second, Reason: ScaledDown},
		},
		"pods without a node go at once": {
			input(1, 4, podOf("a", unscheduledPod), podOf("b", unscheduledPod), podOf("c"), podOf("d", busySince(0))),
			Plan{Replicas: 2, Cordon: []string{"c"}, Recheck: silence, Reason: ScaledDown},
		},
		"one that may be ready soon is marked": {
			input(2, 3, podOf("a", pendingPod), podOf("b"), podOf("c", busySince(0))),
			Plan{Replicas: 3, Costs: map[string]int32{"a": MinimumCost}, Reason: Ranking},
		},
		"and goes": {
			input(2, 3, podOf("a", pendingPod, costing(MinimumCost)), podOf("b"), podOf("c", busySince(0))),
			Plan{Replicas: 2, Reason: ScaledDown},
		},
		"also if it was ready sooner": {
			input(2, 3, podOf("a", costing(MinimumCost)), podOf("b"), podOf("c", busySince(0))),
			Plan{Replicas: 3, Cordon: []string{"a"}, Recheck: silence, Reason: Draining},
		},
		"but its mark is taken back where it is wanted": {
			input(3, 3, podOf("a", costing(MinimumCost)), podOf("b"), podOf("c", busySince(0))),
			Plan{Replicas: 3, Costs: map[string]int32{"a": 0}, Reason: Settled},
		},
		"a pod that never started goes at once where none is ready": {
			input(1, 2, podOf("a", pendingPod), podOf("b", notReadyPod)),
			Plan{Replicas: 1, Reason: ScaledDown},
		},
		"what was never created goes first": {
			input(2, 4, podOf("a"), podOf("b")),
			Plan{Replicas: 2, Reason: ScaledDown},
		},
		"a pod that is not ready goes before an idle one, and blocks it": {
			input(1, 3, podOf("a", notReadyPod, busySince(0)), podOf("b", minute, drained, costing(MinimumCost)), podOf("c")),
			Plan{Replicas: 3, Cordon: []string{"a"}, Recheck: silence, Reason: Draining},
		},
		"pending for another container's sake is not never started": {
			input(1, 2, podOf("a", pendingPod, func(p *Pod) { p.Started = true }), podOf("b")),
			Plan{Replicas: 2, Cordon: []string{"a"}, Recheck: silence, Reason: Draining},
		},
		"half of them is wanted again, of which those come back that still work": {
			input(2, 3, podOf("a", minute, busySince(0)), podOf("b", minute, drained, costing(MinimumCost)), podOf("c")),
			Plan{Replicas: 2, Uncordon: []string{"a"}, Reason: ScaledDown},
		},
		"none goes while it may be taken for one that comes back": {
			input(2, 3, podOf("a", minute, drained, costing(MinimumCost)), podOf("b", minute, drained, costing(MinimumCost)), podOf("c")),
			Plan{Replicas: 3, Uncordon: []string{"b"}, Costs: map[string]int32{"b": 0}, Reason: Ranking},
		},
		"a cost of the user's is obeyed, as the ReplicaSet does": {
			input(2, 3, podOf("a", costing(100)), podOf("b", busySince(time.Hour)), podOf("c", costing(-5), busySince(time.Hour))),
			Plan{Replicas: 3, Cordon: []string{"c"}, Recheck: silence, Reason: Draining},
		},
		"a cost left behind is taken back": {
			input(2, 2, podOf("a", costing(MinimumCost)), podOf("b", costing(7))),
			Plan{Replicas: 2, Costs: map[string]int32{"a": 0}, Reason: Settled},
		},
		"somebody lowered the replicas below what is wanted": {
			input(4, 2, podOf("a"), podOf("b"), podOf("c"), podOf("d", minute, drained, costing(MinimumCost))),
			Plan{Replicas: 4, Reason: ScaledUp},
		},
		"somebody lowered the replicas, and fewer are wanted still": {
			input(1, 2, podOf("a"), podOf("b"), podOf("c"), podOf("d")),
			Plan{Replicas: 2, Reason: AwaitingRemoval},
		},
		"the lowered replicas have not been acted on": {
			input(1, 1, podOf("a"), podOf("b", minute, drained, costing(MinimumCost))),
			Plan{Replicas: 1, Reason: AwaitingRemoval},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { expectPlan(t, tc.in, tc.want) })
	}
}

func TestDecideOnSilence(t *testing.T) {
	tests := map[string]struct {
		in   Input
		want Plan
	}{
		"an agent that does not know cordons counts as drained after the time a job may take": {
			input(1, 2, podOf("a", cordonedFor(silence), busySince(time.Second)), podOf("b")),
			Plan{Replicas: 2, Costs: map[string]int32{"a": MinimumCost}, Reason: Ranking},
		},
		"and not earlier": {
			input(1, 2, podOf("a", cordonedFor(silence-time.Second), busySince(time.Second)), podOf("b")),
			Plan{Replicas: 2, Recheck: time.Second, Reason: Draining},
		},
		"one that obeys finishes its job however long it takes": {
			input(1, 2, podOf("a", cordonedFor(100*silence), obeying, busySince(time.Hour)), podOf("b")),
			Plan{Replicas: 2, Recheck: silence - time.Second, Reason: Draining},
		},
		"one that obeyed and was lost is not waited for longer": {
			input(1, 2, podOf("a", cordonedFor(2*silence), obeying, busySince(time.Hour), lastHeard(silence)), podOf("b")),
			Plan{Replicas: 2, Costs: map[string]int32{"a": MinimumCost}, Reason: Ranking},
		},
		"a time that is missing is written again": {
			input(1, 2, podOf("a", func(p *Pod) { p.Cordoned = true }), podOf("b")),
			Plan{Replicas: 2, Cordon: []string{"a"}, Recheck: silence, Reason: Draining},
		},
		"a time that is yet to come is written again": {
			input(1, 2, podOf("a", cordonedFor(-time.Hour)), podOf("b")),
			Plan{Replicas: 2, Cordon: []string{"a"}, Recheck: silence, Reason: Draining},
		},
		"without a timeout an hour is waited": {
			Input{Now: now, Wanted: 1, Replicas: 2, Pods: []Pod{podOf("a", cordonedFor(59*time.Minute)), podOf("b")}},
			Plan{Replicas: 2, Recheck: time.Minute, Reason: Draining},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { expectPlan(t, tc.in, tc.want) })
	}
}

func TestDecideInARollout(t *testing.T) {
	gone := []change{cordonedFor(time.Minute), drained, older}
	tests := map[string]struct {
		in   Input
		want Plan
	}{
		"fewer are wanted": {
			input(1, 2, podOf("a", older), podOf("b", older), podOf("c", pendingPod)).rollingOut(false),
			Plan{Replicas: 2, Reason: AwaitingRollout},
		},
		"more are wanted": {
			input(4, 2, podOf("a", older), podOf("b")).rollingOut(false),
			Plan{Replicas: 4, Reason: ScaledUp},
		},
		"a drained pod stays cordoned while enough others work": {
			input(2, 3, podOf("a", gone...), podOf("b"), podOf("c"), podOf("d", pendingPod)).rollingOut(false),
			Plan{Replicas: 3, Reason: AwaitingRollout},
		},
		"a drained pod is called back where they do not": {
			input(3, 3, podOf("a", gone...), podOf("b"), podOf("c"), podOf("d", pendingPod)).rollingOut(false),
			Plan{Replicas: 3, Uncordon: []string{"a"}, Reason: Settled},
		},
		"pods of two ReplicaSets tell of a rollout too": {
			input(1, 2, podOf("a", older), podOf("b")),
			Plan{Replicas: 2, Reason: AwaitingRollout},
		},
		"none is wanted: all are cordoned": {
			input(0, 2, podOf("a", older), podOf("b", older, busySince(0)), podOf("c", pendingPod)).rollingOut(false),
			Plan{Replicas: 2, Cordon: []string{"a", "b"}, Recheck: silence, Reason: Draining},
		},
		"none is wanted: those that are drained wait for the others": {
			input(0, 2, podOf("a", gone...), podOf("b", older, cordonedFor(0), busySince(0)), podOf("c", pendingPod)).rollingOut(false),
			Plan{Replicas: 2, Recheck: silence, Reason: Draining},
		},
		"none is wanted, with a broken image in the new pods": {
			input(0, 2, podOf("a", gone...), podOf("b", gone...), podOf("c", pendingPod)).rollingOut(false),
			Plan{Replicas: 0, Reason: ScaledDown},
		},
		"none is wanted, and no agent was ever reached": {
			input(0, 1, podOf("a", neverHeard, cordonedFor(silence)), podOf("b", older, neverHeard, cordonedFor(silence))).rollingOut(false),
			Plan{Replicas: 0, Reason: ScaledDown},
		},
		"past its deadline, with a broken image, old pods are drained": {
			input(1, 2, podOf("a", older), podOf("b", older, busySince(0)), podOf("c", pendingPod)).rollingOut(true),
			Plan{Replicas: 2, Cordon: []string{"a"}, Recheck: silence, Reason: Draining},
		},
		"past its deadline, once they are": {
			input(1, 2, podOf("a", append(gone, costing(MinimumCost))...), podOf("b", older, busySince(0)), podOf("c", pendingPod)).rollingOut(true),
			Plan{Replicas: 1, Reason: ScaledDown},
		},
		"past its deadline, with one of each ReplicaSet": {
			input(3, 4, podOf("a", older), podOf("b", older), podOf("c"), podOf("d")).rollingOut(true),
			Plan{Replicas: 4, Cordon: []string{"a", "c"}, Recheck: silence, Reason: Draining},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { expectPlan(t, tc.in, tc.want) })
	}
}

func expectPlan(t *testing.T, in Input, want Plan) {
	t.Helper()
	got := Decide(in)
	want.Message = got.Message
	if want.Costs == nil {
		want.Costs = map[string]int32{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the plan differs (-want +got):\n%s", diff)
	}
}

func TestMessages(t *testing.T) {
	minute := cordonedFor(time.Minute)
	gone := []change{minute, drained, costing(MinimumCost)}
	tests := map[string]Input{
		"The pool has 2 pods, as many as wanted; 1 pod takes jobs again.":                                                                                                                 input(2, 2, podOf("a", minute), podOf("b")),
		"Raised the pool from 1 pod to 3.":                                                                                                                                                input(3, 1, podOf("a")),
		"Raised the pool from 2 pods to 3; 2 pods take jobs again.":                                                                                                                       input(3, 2, podOf("a", minute), podOf("b", minute)),
		"Waiting for the jobs of 1 pod to end before the pool shrinks from 2 pods to 1.":                                                                                                  input(1, 2, podOf("a"), podOf("b")),
		"Waiting until the operator's cache shows the deletion cost of the drained pods; then the pool shrinks from 2 pods to 1.":                                                         input(1, 2, podOf("a", minute, drained), podOf("b")),
		"Lowered the pool from 2 pods to 1; no job is known to run in the removed pods.":                                                                                                  input(1, 2, podOf("a", gone...), podOf("b")),
		"Lowered the pool from 3 pods to 2 on its way to 1; no job is known to run in the removed pods.":                                                                                  input(1, 3, podOf("a", gone...), podOf("b"), podOf("c")),
		"Waiting until the operator's cache shows the deletion cost of the drained pods; then the pool shrinks from 2 pods to 1; 1 pod did not react for 2m0s and may be removed anyway.": input(1, 2, podOf("a", cordonedFor(silence)), podOf("b")),
		"The pool has 2 pods and its Deployment asks for 1; the operator waits until Kubernetes has removed the other pods.":                                                              input(1, 1, podOf("a"), podOf("b")),
		"Waiting for the rollout in progress to end before the pool shrinks from 2 pods to 1.":                                                                                            input(1, 2, podOf("a"), podOf("b")).rollingOut(false),
	}
	for want, in := range tests {
		if got := Decide(in).Message; got != want {
			t.Errorf("the message is %q; want %q", got, want)
		}
	}
}
