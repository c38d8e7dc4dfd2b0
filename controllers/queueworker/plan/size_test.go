// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/scaling"
	"queueworker.dev/queueworker/test/builders"
)

// noon is the present time of these tests.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// poolOf returns an observation of a healthy pool with a number of processes.
func poolOf(name string, processes int32) *observation {
	worker := workerNamed("shop", name, "")
	worker.Spec.Processes = &processes
	return &observation{now: noon, worker: worker, app: &v1alpha1.QueueApp{}, reports: collector.Snapshot{Pods: map[types.UID]collector.PodReport{}}}
}

// autoscaled makes the pool follow a backlog of ready jobs.
func (o *observation) autoscaled(lowest, highest int32, ready int64) *observation {
	o.worker.Spec.Autoscaling = &v1alpha1.Autoscaling{MinProcesses: &lowest, MaxProcesses: highest}
	o.backlog = collector.BacklogReport{MeasuredAt: o.now, Queues: []protocol.QueueDepth{{Queue: "default", Ready: ready}}}
	return o
}

// capped gives the pool's QueueApp a cap.
func (o *observation) capped(limit int32) *observation {
	o.app.Spec.MaxProcesses = &limit
	o.unnamed = true
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
		o *observation
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
		"autoscaling ignores processes":         {o: poolOf("a", 4).autoscaled(0, 9, 0), want: 0, most: 9, grant: -1},
		"autoscaling finds work":                {o: poolOf("a", 1).autoscaled(0, 9, 5000), want: 9, most: 9, grant: -1, recheck: true},
		"autoscaling while stopped":             {o: stopped(poolOf("a", 4).autoscaled(2, 9, 5000)), want: 0, most: 9, grant: -1},
		"a backlog that is not known":           {o: holding(poolOf("a", 1).autoscaled(0, 9, 5000), 3), want: 3, most: 9, grant: -1, recheck: true},
		"a cap that is wide enough":             {o: poolOf("a", 4).capped(9), others: []*v1alpha1.QueueWorker{rival("b", 5, 5)}, want: 4, most: 4, grant: 4},
		"a cap that is not":                     {o: poolOf("a", 4).capped(6), others: []*v1alpha1.QueueWorker{rival("b", 4, 0)}, want: 3, most: 4, grant: 3, recheck: true},
		"a cap that others have yet to clear":   {o: poolOf("a", 4).capped(6), others: []*v1alpha1.QueueWorker{rival("b", 4, 5)}, want: 1, most: 4, grant: 1, recheck: true},
		"room that is less than a pod":          {o: pairs(poolOf("a", 4)).capped(6), others: []*v1alpha1.QueueWorker{rival("b", 2, 5)}, want: 0, most: 4, grant: 0, recheck: true},
		"it keeps what it has while it waits":   {o: having(poolOf("a", 4).capped(6), 2), others: []*v1alpha1.QueueWorker{rival("b", 2, 5)}, want: 2, most: 4, grant: 2, recheck: true},
		"it gives up at once what it must":      {o: having(poolOf("a", 6).capped(6), 6), others: []*v1alpha1.QueueWorker{rival("b", 6, 0)}, want: 3, most: 6, grant: 3, recheck: true},
		"stopped pools ask for nothing":         {o: poolOf("a", 4).capped(4), others: []*v1alpha1.QueueWorker{stoppedRival("b", 4)}, want: 4, most: 4, grant: 4},
		"autoscaling under a cap":               {o: poolOf("a", 1).autoscaled(0, 9, 5000).capped(6), others: []*v1alpha1.QueueWorker{rival("b", 1, 1)}, want: 5, most: 9, grant: 5, recheck: true},
		"an autoscaled rival wants its minimum": {o: poolOf("a", 9).capped(9), others: []*v1alpha1.QueueWorker{scaledRival("b", 2, 20, nil)}, want: 7, most: 9, grant: 7, recheck: true},
		"an autoscaled rival wants what it last decided on": {
			o: having(poolOf("a", 9).capped(12), 3), others: []*v1alpha1.QueueWorker{scaledRival("b", 2, 20, new(int32(9)))}, want: 3, most: 9, grant: 3, recheck: true,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, _ := capsOf(tc.others...).size(tc.o)
			if got.processes != tc.want || got.most != tc.most || (got.recheck > 0) != tc.recheck {
				t.Errorf("size() = %d of at most %d, recheck %s; want %d of %d, recheck %t", got.processes, got.most, got.recheck, tc.want, tc.most, tc.recheck)
			}
			if (got.grant == nil) != (tc.grant < 0) || got.grant != nil && got.grant.Processes != tc.grant {
				t.Errorf("granted is %+v, want %d", got.grant, tc.grant)
			}
			if got.grant != nil && got.grant.Limited != strings.HasSuffix(got.grant.Message, ".") {
				t.Errorf("the cap says %q", got.grant.Message)
			}
		})
	}
}

func stopped(o *observation) *observation { o.worker.Spec.Stopped = true; return o }

func pairs(o *observation) *observation { o.worker.Spec.ProcessesPerPod = 2; return o }

func having(o *observation, size int32) *observation { o.past.size = size; return o }

// holding returns a pool of a size whose backlog cannot be read.
func holding(o *observation, size int32) *observation {
	o.backlog.Reason = protocol.BacklogDenied
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
			o := &observation{now: noon, worker: pools[name], app: &v1alpha1.QueueApp{}, past: past{size: sizes[name]}}
			o.app.Spec.MaxProcesses = &limit
			got, _ := shared.size(o)
			sizes[name] = got.processes
			// The other pools see the status some time later.
			if rapid.Bool().Draw(t, "written") {
				pools[name].Status.Desired = wholePods(got.processes, &pools[name].Spec)
				shared.see(pools[name])
			}
			sum := int32(0)
			for other, worker := range pools {
				sum += wholePods(sizes[other], &worker.Spec)
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
				pools[name].Status.Desired = wholePods(sizes[name], &pools[name].Spec)
				shared.see(pools[name])
			}
		}
		used, hungry := int32(0), int32(0)
		for name, worker := range pools {
			used += wholePods(sizes[name], &worker.Spec)
			if wanted := wholePods(*orOne(worker.Spec.Processes), &worker.Spec); wanted > wholePods(sizes[name], &worker.Spec) {
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
	if _, now := shared.size(poolOf("a", 4).capped(6)); now != nil {
		t.Errorf("a cap that suffices wakes %v", now)
	}
	tight := poolOf("a", 5).capped(6)
	if _, now := shared.size(tight); len(now) != 1 || now[0].Name != "b" {
		t.Errorf("%v are woken when the cap becomes too small, want b", now)
	}
	if _, now := shared.size(tight); now != nil {
		t.Errorf("%v are woken again though they know", now)
	}
	if _, now := shared.size(poolOf("b", 2).capped(6)); now != nil {
		t.Errorf("%v are woken by one that was", now)
	}
	tight.app.Spec.MaxProcesses = nil
	if s, _ := shared.size(tight); s.grant != nil {
		t.Errorf("without a cap, %+v is granted", s.grant)
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
	var pools []*observation
	for i := range 600 {
		o := poolOf(fmt.Sprint(i), 2).capped(300)
		pools = append(pools, o)
		shared.see(o.worker)
	}
	divisions := func(limit int32) int {
		last, n := uintptr(0), 0
		for _, o := range pools {
			o.app.Spec.MaxProcesses = &limit
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
	o := poolOf("a", 9).capped(10)
	o.app.Name = "shop"
	if s, _ := shared.size(o); s.processes != 4 {
		t.Errorf("beside 4 and 2 of 10, a pool gets %d", s.processes)
	}
	other := poolOf("d", 9).capped(10)
	other.app.Name, other.worker.Spec.AppName, other.unnamed = "other", "other", false
	if s, _ := shared.size(other); s.processes != 9 {
		t.Errorf("alone under another cap, a pool gets %d", s.processes)
	}
	named.Spec.AppName = "other"
	shared.see(named)
	if s, _ := shared.size(other); s.processes != 6 {
		t.Errorf("beside one that has come over with its 4, a pool gets %d of 10", s.processes)
	}
}

func TestScalingInput(t *testing.T) {
	o := poolOf("a", 1).autoscaled(0, 9, 10)
	got := scalingInput(o)
	want := scaling.Spec{Max: 9, TargetWait: time.Minute, Timeout: time.Minute, ScaleDownWindow: 2 * time.Minute, ProcessesPerPod: 1}
	if diff := cmp.Diff(want, got.Spec); diff != "" {
		t.Errorf("a spec without defaults (-want +got):\n%s", diff)
	}
	auto := o.worker.Spec.Autoscaling
	auto.MinProcesses = nil
	auto.TargetWait, auto.ExpectedJobTime = &metav1.Duration{Duration: time.Hour}, &metav1.Duration{Duration: time.Millisecond}
	auto.ScaleDown = &v1alpha1.ScaleDown{Window: &metav1.Duration{}, Step: 3}
	o.worker.Spec.Rest, o.worker.Spec.Timeout = &metav1.Duration{Duration: time.Second}, &metav1.Duration{}
	o.worker.Spec.ProcessesPerPod = 4
	want = scaling.Spec{Min: 1, Max: 9, TargetWait: time.Hour, ExpectedJob: time.Millisecond, Rest: time.Second, ScaleDownStep: 3, ProcessesPerPod: 4}
	if diff := cmp.Diff(want, scalingInput(o).Spec); diff != "" {
		t.Errorf("a spec that says all (-want +got):\n%s", diff)
	}
}

func TestScalingBacklog(t *testing.T) {
	depth := func(ready int64, oldest *float64) protocol.QueueDepth {
		return protocol.QueueDepth{Ready: ready, OldestSeconds: oldest}
	}
	tests := map[string]struct {
		queues []protocol.QueueDepth
		ready  int64
		oldest *time.Duration
	}{
		"one queue":                  {[]protocol.QueueDepth{depth(3, new(7.5))}, 3, new(7500 * time.Millisecond)},
		"the oldest of two":          {[]protocol.QueueDepth{depth(3, new(7.0)), depth(1, new(9.0))}, 4, new(9 * time.Second)},
		"one of two does not tell":   {[]protocol.QueueDepth{depth(3, new(7.0)), depth(1, nil)}, 4, nil},
		"neither tells":              {[]protocol.QueueDepth{depth(3, nil), depth(1, nil)}, 4, nil},
		"an empty one need not tell": {[]protocol.QueueDepth{depth(3, new(7.0)), depth(0, nil)}, 3, new(7 * time.Second)},
		"an empty one is not old":    {[]protocol.QueueDepth{depth(3, new(7.0)), depth(0, new(99.0))}, 3, new(7 * time.Second)},
		"nothing waits":              {[]protocol.QueueDepth{depth(0, nil)}, 0, new(time.Duration(0))},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := scalingBacklog(&observation{backlog: collector.BacklogReport{MeasuredAt: noon, Queues: tc.queues}})
			if got == nil || got.Ready != tc.ready || !cmp.Equal(got.Oldest, tc.oldest) {
				t.Errorf("scalingBacklog() = %+v, want %d ready, oldest %v", got, tc.ready, tc.oldest)
			}
		})
	}
	due := scalingBacklog(&observation{backlog: collector.BacklogReport{MeasuredAt: noon, Queues: []protocol.QueueDepth{
		{NextDueSeconds: new(30.0), Delayed: 1, DueSoon: 1}, {}, {NextDueSeconds: new(4.0), Delayed: 2, Reserved: 3},
	}}})
	if *due.NextDue != 4*time.Second || due.Delayed != 3 || due.DueSoon != 1 || due.Reserved != 3 {
		t.Errorf("scalingBacklog() = %+v", due)
	}
	for name, report := range map[string]collector.BacklogReport{
		"never measured": {}, "unreadable": {MeasuredAt: noon, Reason: protocol.BacklogDenied},
	} {
		if got := scalingBacklog(&observation{backlog: report}); got != nil {
			t.Errorf("%s: scalingBacklog() = %+v, want none", name, got)
		}
	}
}

func TestRememberedReadsBackWhatIsTold(t *testing.T) {
	tests := map[string]struct {
		last *v1alpha1.AutoscalingStatus
		want scaling.Remembered
	}{
		"nothing":          {nil, scaling.Remembered{}},
		"figures":          {&v1alpha1.AutoscalingStatus{ServiceTime: "0.92s", ArrivalRate: "3.1"}, scaling.Remembered{ServiceTime: 920 * time.Millisecond, ArrivalRate: 3.1}},
		"long jobs":        {&v1alpha1.AutoscalingStatus{ServiceTime: "2m5s", ArrivalRate: "0.001"}, scaling.Remembered{ServiceTime: 125 * time.Second, ArrivalRate: 0.001}},
		"written by hand":  {&v1alpha1.AutoscalingStatus{ServiceTime: "soon", ArrivalRate: "many"}, scaling.Remembered{}},
		"no figures known": {&v1alpha1.AutoscalingStatus{ArrivalRate: "0"}, scaling.Remembered{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, remembered(tc.last)); diff != "" {
				t.Errorf("remembered() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBusyAndReadable(t *testing.T) {
	o := poolOf("a", 3).autoscaled(0, 9, 0)
	for i, status := range []*protocol.Status{
		{Phase: protocol.PhaseRunning, Workers: []protocol.Worker{{Job: &protocol.Job{AgeSeconds: 10}}, {Job: &protocol.Job{AgeSeconds: 20}}}},
		{Phase: protocol.PhaseRunning, Workers: []protocol.Worker{{Job: &protocol.Job{AgeSeconds: 5}}, {}}},
	} {
		pod := builders.Pod(fmt.Sprint(i), noon.Add(-time.Hour))
		o.pods = append(o.pods, pod)
		o.reports.Pods[pod.UID] = collector.PodReport{Status: status, PulledAt: noon.Add(-time.Second)}
	}
	if n, together := busy(o, nil); n != 3 || together != 38*time.Second {
		t.Errorf("busy() = %d, %s, want 3 for 38 s", n, together)
	}
	// A backend that counts reserved jobs knows better, and the youngest jobs count.
	o.app.Spec.Connection = &v1alpha1.Connection{Driver: v1alpha1.DriverRedis}
	if n, together := busy(o, &scaling.Backlog{Reserved: 1}); n != 1 || together != 6*time.Second {
		t.Errorf("busy() = %d, %s, want 1 for 6 s", n, together)
	}
	o.app.Spec.Connection.Driver = v1alpha1.DriverHTTP
	if n, _ := busy(o, &scaling.Backlog{}); n != 3 {
		t.Errorf("busy() = %d, want 3: an endpoint need not count reserved jobs", n)
	}
	if !agentsReadable(o) {
		t.Error("agents that answer are not readable")
	}
	o.reports.Pods[o.pods[1].UID] = collector.PodReport{Unreachable: true}
	if agentsReadable(o) {
		t.Error("an agent that is silent is readable")
	}
	delete(o.reports.Pods, o.pods[1].UID)
	if agentsReadable(o) {
		t.Error("an agent that was ready and has not been heard of is readable")
	}
	o.pods[1].Status.Conditions = nil
	if !agentsReadable(o) {
		t.Error("a pod that starts makes the others unreadable")
	}
	o.pods[0].Status.Phase, o.pods[1].DeletionTimestamp = corev1.PodFailed, new(metav1.NewTime(noon))
	if n, _ := busy(o, nil); n != 0 {
		t.Errorf("busy() = %d, want none of pods that go", n)
	}
}
