// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/scaling"
)

func TestSizesAndClaims(t *testing.T) {
	stopped := func(w *World) *World { w.Worker.Spec.Stopped = true; return w }
	tests := map[string]struct {
		w               *World
		processes, most int32
		claim           scaling.Claim
	}{
		"fixed":               {poolOf("a", 3), 3, 3, scaling.Claim{Minimum: 1, Wanted: 3}},
		"of no size":          {poolOf("a", 0), 0, 0, scaling.Claim{}},
		"stopped":             {stopped(poolOf("a", 3)), 0, 0, scaling.Claim{}},
		"at least two":        {poolOf("a", 3).autoscaled(2, 9, 0), 2, 9, scaling.Claim{Minimum: 2, Wanted: 2}},
		"at least none":       {poolOf("a", 3).autoscaled(0, 9, 0), 0, 9, scaling.Claim{}},
		"autoscaled, stopped": {stopped(poolOf("a", 3).autoscaled(2, 9, 50)), 0, 9, scaling.Claim{}},
	}
	for name, tc := range tests {
		tc.w.Worker.Spec.Priority = 7
		tc.claim.Name, tc.claim.Priority, tc.claim.ProcessesPerPod = "a", 7, 1
		got := SizeOf(tc.w)
		if got.Processes != tc.processes || got.Most != tc.most || got.Claim != tc.claim || got.Fixed || got.Grant != nil {
			t.Errorf("%s: SizeOf() = %+v, want %d, at most %d, claim %+v", name, got, tc.processes, tc.most, tc.claim)
		}
	}
}

// TestClaimsBeforeTheFirstLook: a pool that this operator has not looked at claims what it
// had, within its bounds.
func TestClaimsBeforeTheFirstLook(t *testing.T) {
	auto := func(desired int32) *v1alpha1.QueueWorker {
		worker := poolOf("a", 3).autoscaled(2, 9, 0).Worker
		worker.Status.Autoscaling = &v1alpha1.AutoscalingStatus{Desired: desired}
		return worker
	}
	unlooked, stopped := auto(5), auto(5)
	unlooked.Status.Autoscaling, stopped.Spec.Stopped = nil, true
	resting, running := inBatch(v1alpha1.DriverRedis, false).Worker, inBatch(v1alpha1.DriverRedis, true).Worker
	resting.Status.Batch, resting.Status.Desired = &v1alpha1.BatchStatus{}, 4
	running.Status.Batch, running.Status.Desired = &v1alpha1.BatchStatus{ActiveRun: "nightly-run-1"}, 6
	tests := map[string]struct {
		worker          *v1alpha1.QueueWorker
		minimum, wanted int32
	}{
		"fixed": {poolOf("a", 3).Worker, 1, 3}, "none": {poolOf("a", 0).Worker, 0, 0}, "stopped": {stopped, 0, 0},
		"never decided": {unlooked, 2, 2}, "decided": {auto(5), 2, 5}, "below its bounds": {auto(0), 2, 2}, "above its bounds": {auto(50), 2, 9},
		"no run yet": {inBatch(v1alpha1.DriverRedis, false).Worker, 0, 0}, "between runs": {resting, 0, 0}, "in a run": {running, 6, 6},
	}
	for name, tc := range tests {
		if got := ClaimOf(tc.worker); got.Minimum != tc.minimum || got.Wanted != tc.wanted || got.Name != tc.worker.Name || got.ProcessesPerPod != 1 {
			t.Errorf("%s: ClaimOf() = %+v, want %d to %d", name, got, tc.minimum, tc.wanted)
		}
	}
}

// TestNoPoolGrowsIntoOthers: under a cap a pool never grows beyond what other pools leave
// free, in whole pods, and never shrinks for what they still hold.
func TestNoPoolGrowsIntoOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		number := rapid.Int32Range(0, 30)
		w := poolOf("a", number.Draw(t, "processes"))
		w.Worker.Spec.ProcessesPerPod = rapid.Int32Range(1, 5).Draw(t, "per pod")
		w.Memory.Size = number.Draw(t, "size before")
		s := SizeOf(w)
		s.Fixed = rapid.Bool().Draw(t, "fixed")
		s.Recheck = time.Duration(rapid.IntRange(0, 100).Draw(t, "recheck")) * time.Second
		wanted, recheck := s.Processes, s.Recheck
		grant := scaling.Grant{Limited: rapid.Bool().Draw(t, "limited"), Message: "The cap is full."}
		if grant.Limited {
			grant.Processes = min(wanted, number.Draw(t, "grant"))
		}
		granted := wanted
		if grant.Limited && !s.Fixed {
			granted = grant.Processes
		}
		free := rapid.Int32Range(-5, 40).Draw(t, "free")
		whole := max(free, 0) / w.Worker.Spec.ProcessesPerPod * w.Worker.Spec.ProcessesPerPod
		s.Within(grant, grant.Limited, free, w)

		switch {
		case s.Fixed && s.Processes != wanted:
			t.Fatalf("a fixed size of %d becomes %d", wanted, s.Processes)
		case s.Processes > max(granted, 0):
			t.Fatalf("%d are more than the %d granted", s.Processes, granted)
		case !s.Fixed && s.Processes > w.Memory.Size && WholePods(s.Processes, &w.Worker.Spec) > whole:
			t.Fatalf("from %d it grows to %d, with %d free", w.Memory.Size, s.Processes, free)
		case s.Processes < min(granted, w.Memory.Size):
			t.Fatalf("of %d granted it gives up to %d, had %d", granted, s.Processes, w.Memory.Size)
		case WholePods(granted, &w.Worker.Spec) <= whole && s.Processes != granted:
			t.Fatalf("of %d granted it takes %d, with %d free", granted, s.Processes, free)
		case s.Processes < granted && (!s.Scarce || !s.Grant.Limited || s.Grant.Processes != s.Processes):
			t.Fatalf("it gets %d of %d and does not say so: %+v", s.Processes, granted, s.Grant)
		case s.Scarce && (s.Recheck <= 0 || s.Recheck > capTick) || !s.Scarce && s.Recheck != recheck:
			t.Fatalf("scarce %t, it looks again after %s, wanted to after %s", s.Scarce, s.Recheck, recheck)
		}
	})
}

// TestMemoryOfAPool: what is observed first stays, what is decided is remembered, and a
// memory is a value that nothing changes later.
func TestMemoryOfAPool(t *testing.T) {
	w := poolOf("a", 3)
	w.Worker.Status.Desired = 5
	if first := (Memory{}).Observed(w); first.Size != 0 || !first.Since.Equal(noon) {
		t.Errorf("a pool that no operator has looked at: %+v", first)
	}
	w.Worker.Status.ObservedGeneration = 1
	first := Memory{}.Observed(w)
	if first.Size != 5 {
		t.Errorf("a pool of an earlier operator has %d processes, want 5", first.Size)
	}
	d := Decision{Size: Size{Processes: 2, Scaling: &scaling.Decision{Memory: scaling.Memory{}}}}
	second := first.Decided(d)
	w.Now, w.Worker.Status.Desired = noon.Add(time.Hour), 9
	if third := second.Observed(w); third.Size != 2 || !third.Since.Equal(noon) || first.Size != 5 {
		t.Errorf("after a decision: %+v, before %+v", third, first)
	}
}

// TestSoonInSteps: the span grows in few steps, so that pools ask for the same span.
func TestSoonInSteps(t *testing.T) {
	for latency, want := range map[time.Duration]time.Duration{
		0: 15 * time.Second, 15 * time.Second: 15 * time.Second, 15*time.Second + 1: 30 * time.Second, time.Minute: time.Minute,
		61 * time.Second: 2 * time.Minute, 2 * time.Minute: 2 * time.Minute, time.Hour: 2 * time.Minute,
	} {
		if got := Soon(latency); got != want {
			t.Errorf("Soon(%s) = %s, want %s", latency, got, want)
		}
	}
}

func TestQueuesOnce(t *testing.T) {
	w := poolOf("a", 1)
	w.Worker.Spec.Queue = "high,,default,high"
	if diff := cmp.Diff([]string{"high", "default"}, QueuesOf(w)); diff != "" {
		t.Errorf("QueuesOf() differs (-want +got):\n%s", diff)
	}
	run := inBatch(v1alpha1.DriverRedis, true)
	run.Worker.Spec.Queue = "newer"
	configure(run, `{"queue":"older,old"}`)
	if diff := cmp.Diff([]string{"older", "old"}, QueuesOf(run)); diff != "" {
		t.Errorf("of a run QueuesOf() differs (-want +got):\n%s", diff)
	}
}
