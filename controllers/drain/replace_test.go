// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func due(p *Pod)     { p.Due = true }
func retired(p *Pod) { p.Retire = true }

func (in Input) replacedAtOnce(n int32) Input {
	in.MaxReplaced = n
	return in
}

func TestPodsAreReplacedSuccessorFirst(t *testing.T) {
	minute := cordonedFor(time.Minute)
	working := busySince(time.Hour)
	tests := map[string]struct {
		in   Input
		want Plan // without its message
		says string
	}{
		"a successor comes first": {
			input(2, 2, podOf("a", due, working), podOf("b")),
			Plan{Replicas: 3, Reason: Replacing}, "raised the pool to 3 pods",
		},
		"not in a pool that is paused": {
			Input{Now: now, Silence: silence, Wanted: 2, Replicas: 2, Paused: true, Pods: []Pod{podOf("a", retired), podOf("b")}},
			Plan{Replicas: 2, Reason: Settled}, "as many as wanted",
		},
		"but it is the first to go from one": {
			Input{Now: now, Silence: silence, Wanted: 1, Replicas: 2, Paused: true, Pods: []Pod{podOf("a", retired, working), podOf("b")}},
			Plan{Replicas: 2, Cordon: []string{"a"}, Recheck: silence, Reason: Draining}, "shrinks from 2 pods to 1",
		},
		"it is waited for": {
			input(2, 3, podOf("a", due), podOf("b"), podOf("new", pendingPod)),
			Plan{Replicas: 3, Reason: Replacing}, "waiting for successors to be ready",
		},
		"then the pod drains, and no idle one instead": {
			input(2, 3, podOf("a", due, working), podOf("b"), podOf("new")),
			Plan{Replicas: 3, Cordon: []string{"a"}, Recheck: silence, Reason: Replacing}, "waiting for the jobs of 1 pod(s) to end",
		},
		"is marked": {
			input(2, 3, podOf("a", due, minute, drained), podOf("b"), podOf("new")),
			Plan{Replicas: 3, Costs: map[string]int32{"a": MinimumCost}, Reason: Replacing}, "waiting until the operator's cache shows the deletion cost of the drained pods",
		},
		"and goes": {
			input(2, 3, podOf("a", due, minute, drained, costing(MinimumCost)), podOf("b"), podOf("new")),
			Plan{Replicas: 2, Reason: Replacing}, "lowered the pool to 2 pods",
		},
		"nothing more until it is gone": {
			input(2, 2, podOf("a", due, minute, drained, costing(MinimumCost)), podOf("b", due), podOf("new")),
			Plan{Replicas: 2, Reason: Replacing}, "drained pods are gone",
		},
		"one at a time": {
			input(2, 2, podOf("a", due), podOf("b", due)),
			Plan{Replicas: 3, Reason: Replacing}, "Replacing 2 pods",
		},
		"counting one that is on its way": {
			Input{Now: now, Silence: silence, Wanted: 2, Replicas: 2, Leaving: 1, Pods: []Pod{podOf("a", due), podOf("b")}},
			Plan{Replicas: 2, Reason: Replacing}, "waiting until the drained pods are gone",
		},
		"or as many as may be": {
			input(3, 3, podOf("a", due), podOf("b", due), podOf("c", due)).replacedAtOnce(2),
			Plan{Replicas: 5, Reason: Replacing}, "raised the pool to 5 pods",
		},
		"one of them as soon as one successor is ready": {
			input(3, 5, podOf("a", due), podOf("b", due), podOf("c"), podOf("new"), podOf("newer", pendingPod)).replacedAtOnce(2),
			Plan{Replicas: 5, Cordon: []string{"a"}, Recheck: silence, Reason: Replacing}, "waiting for the jobs of 1 pod(s) to end",
		},
		"who works comes back when another serves no more": {
			input(2, 3, podOf("a", due, minute, obeying, working), podOf("b", notReadyPod), podOf("new")),
			Plan{Replicas: 3, Uncordon: []string{"a"}, Reason: Replacing}, "1 pod takes jobs again",
		},
		"a retired pod that never started is replaced by no other": {
			input(1, 2, podOf("a", retired, pendingPod), podOf("new", pendingPod)),
			Plan{Replicas: 2, Costs: map[string]int32{"a": MinimumCost}, Reason: Replacing}, "deletion cost of the drained pods",
		},
		"a retired pod goes before one that is due": {
			input(1, 2, podOf("a", due), podOf("b", retired)),
			Plan{Replicas: 2, Cordon: []string{"b"}, Recheck: silence, Reason: Replacing}, "waiting for the jobs",
		},
		"the first to go from a smaller pool, whatever others cost": {
			input(1, 4, podOf("a", retired, working), podOf("b"), podOf("c", costing(-5)), podOf("d")),
			Plan{Replicas: 4, Cordon: []string{"a", "b", "c"}, Recheck: silence, Reason: Draining}, "",
		},
		"none during a rollout": {
			input(2, 2, podOf("a", due), podOf("b")).rollingOut(false),
			Plan{Replicas: 2, Reason: Settled}, "",
		},
		"none in a pool that is yet to grow": {
			input(3, 2, podOf("a", due), podOf("b")),
			Plan{Replicas: 3, Reason: ScaledUp}, "",
		},
		"a surplus stays until it is known what for": {
			func() Input {
				in := input(2, 3, podOf("a", neverHeard), podOf("b"), podOf("new"))
				in.Awaiting = true
				return in
			}(),
			Plan{Replicas: 3, Reason: Replacing}, "a report from every pod",
		},
		"a cordoned pod that has not reported yet stays on its way out": {
			func() Input {
				in := input(2, 3, podOf("a", neverHeard, cordonedFor(time.Second)), podOf("b", due), podOf("new"))
				in.Awaiting = true
				return in
			}(),
			Plan{Replicas: 3, Reason: Replacing}, "a report from every pod",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := Decide(tc.in)
			if !strings.Contains(got.Message, tc.says) {
				t.Errorf("it says %q, want %q", got.Message, tc.says)
			}
			got.Message = ""
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the plan differs (-want +got):\n%s", diff)
			}
		})
	}
}
