// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/queueworker/plan"
	"queueworker.dev/queueworker/controllers/telemetry"
)

// noon is the present time of these tests.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// poolOf returns an observation of a healthy pool with a number of processes.
func poolOf(name string, processes int32) *plan.World {
	worker := workerNamed("shop", name, "")
	worker.Spec.Processes = &processes
	return &plan.World{Now: noon, Worker: worker, App: &v1alpha1.QueueApp{}}
}

// autoscaled makes the pool follow a backlog of ready jobs.
func autoscaled(o *plan.World, lowest, highest int32, ready int64) *plan.World {
	o.Worker.Spec.Autoscaling = &v1alpha1.Autoscaling{MinProcesses: &lowest, MaxProcesses: highest}
	o.Backlog = telemetry.BacklogReport{MeasuredAt: o.Now, Queues: []protocol.QueueDepth{{Queue: "default", Ready: ready}}}
	return o
}

// capped gives the pool's QueueApp a cap.
func capped(o *plan.World, limit int32) *plan.World {
	o.App.Spec.MaxProcesses = &limit
	o.Unnamed = true
	return o
}

// capsOf returns caps that have seen some pools.
func capsOf(pools ...*v1alpha1.QueueWorker) *caps {
	c := &caps{}
	for _, pool := range pools {
		c.see(pool)
	}
	return c
}

// rival returns another pool, which has some of the processes it wants.
func rival(name string, wanted, has int32) *v1alpha1.QueueWorker {
	other := workerNamed("shop", name, "")
	other.Spec.Processes, other.Status.Desired = &wanted, has
	return other
}

func TestSize(t *testing.T) {
	tests := map[string]struct {
		o *plan.World
		// others are the pools under the same cap.
		others []*v1alpha1.QueueWorker
		want   int32
		most   int32
		// grant is the size granted of a cap, -1 if there is no cap.
		grant   int32
		recheck bool
	}{
		"a pool of a fixed size":                {o: poolOf("a", 4), want: 4, most: 4, grant: -1},
		"stopped":                               {o: stopped(poolOf("a", 4)), most: 0, grant: -1},
		"autoscaling ignores processes":         {o: autoscaled(poolOf("a", 4), 0, 9, 0), want: 0, most: 9, grant: -1},
		"autoscaling finds work":                {o: autoscaled(poolOf("a", 1), 0, 9, 5000), want: 9, most: 9, grant: -1, recheck: true},
		"autoscaling while stopped":             {o: stopped(autoscaled(poolOf("a", 4), 2, 9, 5000)), want: 0, most: 9, grant: -1},
		"a backlog that is not known":           {o: holding(autoscaled(poolOf("a", 1), 0, 9, 5000), 3), want: 3, most: 9, grant: -1, recheck: true},
		"a cap that is wide enough":             {o: capped(poolOf("a", 4), 9), others: []*v1alpha1.QueueWorker{rival("b", 5, 5)}, want: 4, most: 4, grant: 4},
		"a cap that is not":                     {o: capped(poolOf("a", 4), 6), others: []*v1alpha1.QueueWorker{rival("b", 4, 0)}, want: 3, most: 4, grant: 3, recheck: true},
		"a cap that others have yet to clear":   {o: capped(poolOf("a", 4), 6), others: []*v1alpha1.QueueWorker{rival("b", 4, 5)}, want: 1, most: 4, grant: 1, recheck: true},
		"room that is less than a pod":          {o: capped(pairs(poolOf("a", 4)), 6), others: []*v1alpha1.QueueWorker{rival("b", 2, 5)}, want: 0, most: 4, grant: 0, recheck: true},
		"it keeps what it has while it waits":   {o: having(capped(poolOf("a", 4), 6), 2), others: []*v1alpha1.QueueWorker{rival("b", 2, 5)}, want: 2, most: 4, grant: 2, recheck: true},
		"it gives up at once what it must":      {o: having(capped(poolOf("a", 6), 6), 6), others: []*v1alpha1.QueueWorker{rival("b", 6, 0)}, want: 3, most: 6, grant: 3, recheck: true},
		"stopped pools ask for nothing":         {o: capped(poolOf("a", 4), 4), others: []*v1alpha1.QueueWorker{stoppedRival("b", 4)}, want: 4, most: 4, grant: 4},
		"autoscaling under a cap":               {o: capped(autoscaled(poolOf("a", 1), 0, 9, 5000), 6), others: []*v1alpha1.QueueWorker{rival("b", 1, 1)}, want: 5, most: 9, grant: 5, recheck: true},
		"an autoscaled rival wants its minimum": {o: capped(poolOf("a", 9), 9), others: []*v1alpha1.QueueWorker{scaledRival("b", 2, 20, nil)}, want: 7, most: 9, grant: 7, recheck: true},
		"an autoscaled rival wants what it last decided on": {
			o: having(capped(poolOf("a", 9), 12), 3), others: []*v1alpha1.QueueWorker{scaledRival("b", 2, 20, new(int32(9)))}, want: 3, most: 9, grant: 3, recheck: true,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, _ := capsOf(tc.others...).size(tc.o)
			if got.Processes != tc.want || got.Most != tc.most || (got.Recheck > 0) != tc.recheck {
				t.Errorf("size() = %d of at most %d, recheck %s; want %d of %d, recheck %t", got.Processes, got.Most, got.Recheck, tc.want, tc.most, tc.recheck)
			}
			if (got.Grant == nil) != (tc.grant < 0) || got.Grant != nil && got.Grant.Processes != tc.grant {
				t.Errorf("granted is %+v, want %d", got.Grant, tc.grant)
			}
			if got.Grant != nil && got.Grant.Limited != strings.HasSuffix(got.Grant.Message, ".") {
				t.Errorf("the cap says %q", got.Grant.Message)
			}
		})
	}
}

func stopped(o *plan.World) *plan.World { o.Worker.Spec.Stopped = true; return o }

func pairs(o *plan.World) *plan.World { o.Worker.Spec.ProcessesPerPod = 2; return o }

func having(o *plan.World, size int32) *plan.World { o.Memory.Size = size; return o }

// holding returns a pool of a size whose backlog cannot be read.
func holding(o *plan.World, size int32) *plan.World {
	o.Backlog.Reason = protocol.BacklogDenied
	return having(o, size)
}

func stoppedRival(name string, wanted int32) *v1alpha1.QueueWorker {
	other := rival(name, wanted, 0)
	other.Spec.Stopped = true
	return other
}

func scaledRival(name string, lowest, highest int32, last *int32) *v1alpha1.QueueWorker {
	other := rival(name, 1, 0)
	other.Spec.Autoscaling = &v1alpha1.Autoscaling{MinProcesses: &lowest, MaxProcesses: highest}
	if last != nil {
		other.Status.Autoscaling, other.Status.Desired = &v1alpha1.AutoscalingStatus{Desired: *last}, *last
	}
	return other
}

// TestCapIsNeverExceeded: whatever pools ask for, come and go, and in whatever order
// they are looked at, their sizes never exceed their cap together. When all have been
// looked at often enough, no pool is left out that could have more.
func TestCapIsNeverExceeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int32Range(1, 40).Draw(t, "limit")
		shared := &caps{}
		pools := map[string]*v1alpha1.QueueWorker{}
		sizes := map[string]int32{}
		look := func(name string) {
			o := &plan.World{Now: noon, Worker: pools[name], App: &v1alpha1.QueueApp{}, Memory: plan.Memory{Size: sizes[name]}}
			o.App.Spec.MaxProcesses = &limit
			got, _ := shared.size(o)
			sizes[name] = got.Processes
			// The other pools see the status some time later.
			if rapid.Bool().Draw(t, "written") {
				pools[name].Status.Desired = plan.WholePods(got.Processes, &pools[name].Spec)
				shared.see(pools[name])
			}
			sum := int32(0)
			for other, worker := range pools {
				sum += plan.WholePods(sizes[other], &worker.Spec)
			}
			if sum > limit {
				t.Fatalf("%d processes under a cap of %d: %v", sum, limit, sizes)
			}
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			name := fmt.Sprint(rapid.IntRange(0, 4).Draw(t, "pool"))
			if pools[name] == nil {
				pools[name] = workerNamed("shop", name, "")
				pools[name].Spec.ProcessesPerPod = rapid.Int32Range(1, 3).Draw(t, "per pod")
			}
			if rapid.Bool().Draw(t, "changes") {
				pools[name].Spec.Processes = new(rapid.Int32Range(0, 30).Draw(t, "processes"))
				pools[name].Spec.Priority = rapid.Int32Range(0, 1).Draw(t, "priority")
			}
			if rapid.Bool().Draw(t, "seen") {
				shared.see(pools[name])
			}
			look(name)
			checkSums(t, shared)
		}
		for range 4 {
			for name := range pools {
				look(name)
				pools[name].Status.Desired = plan.WholePods(sizes[name], &pools[name].Spec)
				shared.see(pools[name])
			}
		}
		used, hungry := int32(0), int32(0)
		for name, worker := range pools {
			used += plan.WholePods(sizes[name], &worker.Spec)
			if wanted := plan.WholePods(*orOne(worker.Spec.Processes), &worker.Spec); wanted > plan.WholePods(sizes[name], &worker.Spec) {
				hungry = max(hungry, 4-max(worker.Spec.ProcessesPerPod, 1))
			}
		}
		if hungry == 3 && used < limit {
			t.Fatalf("%d of %d are used, and a pool of single processes wants more: %v", used, limit, sizes)
		}
	})
}

func orOne(n *int32) *int32 {
	if n == nil {
		return new(int32(1))
	}
	return n
}

func TestCapsWakeOthersOnce(t *testing.T) {
	shared := capsOf(rival("b", 2, 2))
	if _, now := shared.size(capped(poolOf("a", 4), 6)); now != nil {
		t.Errorf("a cap that suffices wakes %v", now)
	}
	tight := capped(poolOf("a", 5), 6)
	if _, now := shared.size(tight); len(now) != 1 || now[0].Name != "b" {
		t.Errorf("%v are woken when the cap becomes too small, want b", now)
	}
	if _, now := shared.size(tight); now != nil {
		t.Errorf("%v are woken again though they know", now)
	}
	if _, now := shared.size(capped(poolOf("b", 2), 6)); now != nil {
		t.Errorf("%v are woken by one that was", now)
	}
	tight.App.Spec.MaxProcesses = nil
	if s, _ := shared.size(tight); s.Grant != nil {
		t.Errorf("without a cap, %+v is granted", s.Grant)
	}
	for _, name := range []string{"a", "b"} {
		shared.forget(types.NamespacedName{Namespace: "shop", Name: name})
	}
	if len(shared.claimants) != 0 || len(shared.under) != 0 {
		t.Errorf("of pools that are gone, %d and %d are remembered", len(shared.claimants), len(shared.under))
	}
}

// checkSums compares the kept sums with newly computed ones.
func checkSums(t *rapid.T, c *caps) {
	for name, all := range c.claimants {
		var wanted, taken int64
		for _, pool := range all.pools {
			wanted, taken = wanted+pool.claim.Whole(), taken+pool.taken()
		}
		if wanted != all.wanted || taken != all.taken {
			t.Fatalf("%v want %d and have %d, but %d and %d are remembered", name, wanted, taken, all.wanted, all.taken)
		}
	}
}

// TestACapIsDividedOnceForAllItsPools: a QueueApp that wakes 600 pools costs one
// division for all of them, and none if nothing has changed.
func TestACapIsDividedOnceForAllItsPools(t *testing.T) {
	shared := &caps{}
	var pools []*plan.World
	for i := range 600 {
		o := capped(poolOf(fmt.Sprint(i), 2), 300)
		pools = append(pools, o)
		shared.see(o.Worker)
	}
	divisions := func(limit int32) int {
		last, n := uintptr(0), 0
		for _, o := range pools {
			o.App.Spec.MaxProcesses = &limit
			shared.size(o)
			all := shared.claimants[types.NamespacedName{Namespace: "shop"}]
			if at := reflect.ValueOf(all.division.grants).Pointer(); at != last {
				last, n = at, n+1
			}
		}
		return n
	}
	for _, limit := range []int32{300, 299, 298} {
		if got := divisions(limit); got > 2 {
			t.Errorf("a cap of %d over 600 pools was divided %d times", limit, got)
		}
	}
}

// TestPoolsThatNameNoAppShareItsCap: a pool counts under the app it uses, by name or
// because it names none, and moves with its spec.
func TestPoolsThatNameNoAppShareItsCap(t *testing.T) {
	named := rival("b", 4, 4)
	named.Spec.AppName = "shop"
	shared := capsOf(named, rival("c", 2, 2))
	o := capped(poolOf("a", 9), 10)
	o.App.Name = "shop"
	if s, _ := shared.size(o); s.Processes != 4 {
		t.Errorf("beside 4 and 2 of 10, a pool gets %d", s.Processes)
	}
	other := capped(poolOf("d", 9), 10)
	other.App.Name, other.Worker.Spec.AppName, other.Unnamed = "other", "other", false
	if s, _ := shared.size(other); s.Processes != 9 {
		t.Errorf("alone under another cap, a pool gets %d", s.Processes)
	}
	named.Spec.AppName = "other"
	shared.see(named)
	if s, _ := shared.size(other); s.Processes != 6 {
		t.Errorf("beside one that has come over with its 4, a pool gets %d of 10", s.Processes)
	}
}
