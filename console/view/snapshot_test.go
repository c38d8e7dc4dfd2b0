// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// noon is the present time of these tests.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// poolOf returns a pool whose status was written some time before noon; negative for a
// time that is unknown.
func poolOf(namespace, name string, age time.Duration, rows ...v1alpha1.Worker) v1alpha1.QueueWorker {
	pool := v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	pool.Status.Workers = rows
	if age >= 0 {
		pool.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: v1alpha1.FieldManager, Subresource: "status", Time: new(metav1.NewTime(noon.Add(-age)))}}
	}
	return pool
}

// answering returns a running pod whose agent answered with these states.
func answering(namespace, pool, name string, states ...protocol.WorkerState) Pod {
	pod := Pod{Namespace: namespace, Pool: pool, Name: name, UID: types.UID(name), Phase: corev1.PodRunning, AskedAt: noon, Answer: &protocol.Status{}}
	for slot, state := range states {
		pod.Answer.Workers = append(pod.Answer.Workers, protocol.Worker{Slot: int32(slot), State: state})
	}
	return pod
}

// TestEachRowOnce: whichever pods can be read and whichever agents answer, each worker has
// one row, from its agent if that answers, and of no pod that is gone.
func TestEachRowOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Snapshot{Time: noon, PodsRefused: rapid.Bool().Draw(t, "refused")}
		pool := poolOf("shop", "emails", time.Minute)
		want := map[string]bool{}
		for i := range rapid.IntRange(0, 6).Draw(t, "pods") {
			name := fmt.Sprint("pod-", i)
			inStatus, exists, answers := rapid.Bool().Draw(t, "in status"), rapid.Bool().Draw(t, "exists"), rapid.Bool().Draw(t, "answers")
			if inStatus {
				pool.Status.Workers = append([]v1alpha1.Worker{{Name: name + "/0"}}, pool.Status.Workers...)
			}
			exists = exists && !s.PodsRefused
			pod := answering("shop", "emails", name, protocol.WorkerIdle)
			switch {
			case exists && answers:
				s.Pods = append(s.Pods, pod)
				want[name+"/0"] = true
			case exists:
				pod.Answer, pod.Silence = nil, "timeout"
				s.Pods = append(s.Pods, pod)
				if inStatus {
					want[name+"/0"] = false
				}
			case s.PodsRefused && inStatus:
				want[name+"/0"] = false
			}
		}
		s.Pods = append(s.Pods, answering("shop", "other", "pod-x", protocol.WorkerBusy), answering("test", "emails", "pod-y", protocol.WorkerBusy))
		s.Pools = []v1alpha1.QueueWorker{pool}
		got := map[string]bool{}
		for _, w := range s.Workers() {
			if _, twice := got[w.Name]; twice {
				t.Fatalf("%s is twice there", w.Name)
			}
			got[w.Name] = w.Live
			if asOf := noon; w.Pod != podOf(w.Name) || w.QueueWorker != "emails" || w.Namespace != "shop" || w.Live != w.AsOf.Time.Equal(asOf) {
				t.Fatalf("the row is %+v", w)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("rows, and whether they are live (-want +got):\n%s", diff)
		}
	})
}

// TestUnknownIsNotZero: what an agent does not say is absent.
func TestUnknownIsNotZero(t *testing.T) {
	pod := answering("shop", "emails", "a")
	got := worker("emails", &pod, &protocol.Worker{State: protocol.WorkerStarting, AgeSeconds: 5, CPUCores: 1})
	if diff := cmp.Diff(v1alpha1.Worker{Name: "a/0", State: v1alpha1.WorkerStarting, Queue: "emails"}, got); diff != "" {
		t.Errorf("a slot without a process (-want +got):\n%s", diff)
	}
	got = worker("emails", &pod, &protocol.Worker{PID: 1, MemoryBytes: 1<<20 + 1, CPUCores: 0.0015, AgeSeconds: 5, Job: &protocol.Job{AgeSeconds: 2}})
	if got.Memory.String() != "2Mi" || got.CPU.String() != "2m" || !got.StartedTime.Time.Equal(noon.Add(-5*time.Second)) ||
		!got.CurrentJob.StartedTime.Time.Equal(noon.Add(-2*time.Second)) || got.Queue != "emails" || got.LastExit != nil {
		t.Errorf("a process is %+v", got)
	}
	if idle := worker("emails", &pod, &protocol.Worker{PID: 1}); idle.CPU == nil || !idle.CPU.IsZero() || idle.Memory != nil {
		t.Errorf("a process that uses no CPU is %+v", idle)
	}
}

// TestJobsAreTheSameNearby: at the boundary, and never if a start is unknown.
func TestJobsAreTheSameNearby(t *testing.T) {
	job := func(shift time.Duration) *v1alpha1.CurrentJob {
		return &v1alpha1.CurrentJob{StartedTime: new(metav1.NewTime(noon.Add(shift)))}
	}
	for shift, same := range map[time.Duration]bool{0: true, sameStart: true, -sameStart: true, sameStart + 1: false, -sameStart - 1: false} {
		if sameJob(job(0), job(shift)) != same {
			t.Errorf("begun %s apart they are not %t", shift, same)
		}
	}
	for _, unknown := range []*v1alpha1.CurrentJob{nil, {}} {
		if sameJob(job(0), unknown) || sameJob(unknown, job(0)) || sameJob(unknown, unknown) {
			t.Errorf("a job is the same as %+v", unknown)
		}
	}
	named := &v1alpha1.Worker{PID: 7, CurrentJob: &v1alpha1.CurrentJob{ID: "42", StartedTime: job(0).StartedTime}}
	gone := &v1alpha1.Worker{CurrentJob: named.CurrentJob}
	empty := &v1alpha1.Worker{CurrentJob: job(0)}
	if name(empty, gone); empty.CurrentJob.ID != "" {
		t.Errorf("a slot without a process takes a name: %+v", empty)
	}
	for _, live := range []*v1alpha1.Worker{
		{PID: 7, CurrentJob: &v1alpha1.CurrentJob{Class: "Own", StartedTime: job(0).StartedTime}}, {PID: 0, CurrentJob: job(0)},
	} {
		if name(live, named); live.CurrentJob.ID != "" {
			t.Errorf("the job takes another's name: %+v", live)
		}
	}
}

// TestDoing: the headline of a pool agrees with its rows, as soon as one agent answers.
func TestDoing(t *testing.T) {
	pool := poolOf("shop", "emails", time.Minute, v1alpha1.Worker{Name: "b/0", State: v1alpha1.WorkerIdle})
	pool.Status.Busy, pool.Status.Idle, pool.Status.Failing = 7, 8, 9
	retiring := answering("shop", "emails", "a", protocol.WorkerRetiring)
	retiring.Answer.Workers[0].Job = &protocol.Job{}
	silent := Pod{Namespace: "shop", Pool: "emails", Name: "b", Silence: "timeout"}
	every := answering("shop", "emails", "c", protocol.WorkerBusy, protocol.WorkerIdle, protocol.WorkerIdle, protocol.WorkerPaused,
		protocol.WorkerBackingOff, protocol.WorkerStarting, protocol.WorkerRetiring, protocol.WorkerStopped)
	tests := map[string]struct {
		pods []Pod
		want Doing
	}{
		"nothing was read":    {nil, Doing{Busy: 7, Idle: 8, Failing: 9}},
		"no agent answers":    {[]Pod{silent}, Doing{Busy: 7, Idle: 8, Failing: 9}},
		"of another pool":     {[]Pod{answering("shop", "other", "a", protocol.WorkerBusy)}, Doing{Busy: 7, Idle: 8, Failing: 9}},
		"a last job":          {[]Pod{retiring}, Doing{Busy: 1}},
		"each state":          {[]Pod{every}, Doing{Busy: 1, Idle: 2, Paused: 1, Failing: 1}},
		"one is silent":       {[]Pod{every, silent}, Doing{Busy: 1, Idle: 3, Paused: 1, Failing: 1}},
		"one and a last job ": {[]Pod{every, retiring}, Doing{Busy: 2, Idle: 2, Paused: 1, Failing: 1}},
	}
	for name, tc := range tests {
		s := &Snapshot{Pools: []v1alpha1.QueueWorker{pool}, Pods: tc.pods}
		if got := s.Doing(&s.Pools[0]); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

func TestAppsOfASnapshot(t *testing.T) {
	app := func(namespace, name string) v1alpha1.QueueApp {
		return v1alpha1.QueueApp{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	}
	names := func(s *Snapshot) string {
		var out []string
		for i := range s.Apps {
			out = append(out, s.Apps[i].Namespace+"/"+s.Apps[i].Name)
		}
		return strings.Join(out, " ")
	}
	named, chosen, unknown, elsewhere := poolOf("shop", "a", 0), poolOf("shop", "b", 0), poolOf("shop", "c", 0), poolOf("test", "d", 0)
	elsewhere.Spec.AppName = "unused"
	named.Spec.AppName, chosen.Status.AppName = "named", "chosen"
	apps := []v1alpha1.QueueApp{app("shop", "named"), app("shop", "chosen"), app("test", "named"), app("shop", "unused")}
	s := &Snapshot{Apps: slices.Clone(apps), Pools: []v1alpha1.QueueWorker{named, chosen, unknown, elsewhere}}
	if s.KeepUsedApps(); names(s) != "shop/named shop/chosen" {
		t.Errorf("used are %s", names(s))
	}
	s.Apps = slices.Clone(apps)
	if s.KeepApp("named"); names(s) != "shop/named test/named" {
		t.Errorf("of the name are %s", names(s))
	}
	if !s.SeveralNamespaces() || (&Snapshot{}).SeveralNamespaces() || (&Snapshot{Pools: s.Pools[:3], Apps: s.Apps[:1]}).SeveralNamespaces() {
		t.Error("the namespaces are counted wrong")
	}
	if !(&Snapshot{Pools: []v1alpha1.QueueWorker{poolOf("x", "a", 0), poolOf("y", "a", 0)}}).SeveralNamespaces() {
		t.Error("the pools of two namespaces are in one")
	}
	named.Status.AppName = "renamed"
	if AppOf(&named) != "renamed" || AppOf(&unknown) != "" {
		t.Errorf("the apps are %q and %q", AppOf(&named), AppOf(&unknown))
	}
}

// TestAgeIsThatOfTheOldestRows: pools without rows do not count, nor does a write that is
// not the operator's. An age that nobody knows is negative, not zero.
func TestAgeIsThatOfTheOldestRows(t *testing.T) {
	row := v1alpha1.Worker{Name: "a/0"}
	foreign := poolOf("shop", "x", time.Hour, row)
	foreign.ManagedFields[0].Manager = "kubectl"
	spec := poolOf("shop", "x", time.Hour, row)
	spec.ManagedFields[0].Subresource = ""
	unset := poolOf("shop", "x", time.Hour, row)
	unset.ManagedFields[0].Time = nil
	tests := map[string]struct {
		pools []v1alpha1.QueueWorker
		want  time.Duration
	}{
		"no pools":        {nil, -1},
		"just written":    {[]v1alpha1.QueueWorker{poolOf("shop", "a", 0, row)}, 0},
		"the oldest":      {[]v1alpha1.QueueWorker{poolOf("shop", "a", 3, row), poolOf("shop", "b", 5, row), poolOf("shop", "c", 4, row)}, 5},
		"without rows":    {[]v1alpha1.QueueWorker{poolOf("shop", "a", 3, row), poolOf("shop", "b", 5)}, 3},
		"one is unknown":  {[]v1alpha1.QueueWorker{poolOf("shop", "a", 3, row), poolOf("shop", "b", -1, row)}, 3},
		"all are unknown": {[]v1alpha1.QueueWorker{poolOf("shop", "b", -1, row)}, -1},
		"another's write": {[]v1alpha1.QueueWorker{foreign}, -1},
		"of the spec":     {[]v1alpha1.QueueWorker{spec}, -1},
		"without a time":  {[]v1alpha1.QueueWorker{unset}, -1},
	}
	for name, tc := range tests {
		s := &Snapshot{Time: noon, Pools: tc.pools, PodsRefused: true, AgentsRefused: true}
		if got, want := s.Freshness(), (Freshness{Code: PodsRefused, Age: tc.want}); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// TestSilence: only running pods whose agent was asked are silent.
func TestSilence(t *testing.T) {
	silent := func(silence string, phase corev1.PodPhase) Pod {
		return Pod{Namespace: "shop", Pool: "emails", Phase: phase, Silence: silence}
	}
	tests := map[string]struct {
		pods []Pod
		want Freshness
	}{
		"no pods":       {nil, Freshness{}},
		"not asked":     {[]Pod{silent("", corev1.PodRunning)}, Freshness{}},
		"ended":         {[]Pod{silent("refused", corev1.PodSucceeded), silent("refused", corev1.PodFailed)}, Freshness{}},
		"all":           {[]Pod{silent("refused", corev1.PodRunning), silent("timeout", corev1.PodRunning)}, Freshness{Code: AgentsSilent, Age: 3, Silent: 2, Running: 2, Silence: "timeout"}},
		"one of three":  {[]Pod{answering("shop", "emails", "a"), silent("refused", corev1.PodRunning), silent("", corev1.PodRunning), silent("", corev1.PodPending)}, Freshness{Code: AgentsSilent, Age: 3, Silent: 1, Running: 3, Silence: "refused"}},
		"each answered": {[]Pod{answering("shop", "emails", "a"), answering("shop", "emails", "b")}, Freshness{}},
	}
	for name, tc := range tests {
		s := &Snapshot{Time: noon, Pods: tc.pods, Pools: []v1alpha1.QueueWorker{poolOf("shop", "emails", 3, v1alpha1.Worker{})}}
		if got := s.Freshness(); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}

// TestRatesOfPodsAtBothEnds: jobs are counted in the pods that answered at both ends of the
// window, and a count that falls is no job. Without time between there is no rate.
func TestRatesOfPodsAtBothEnds(t *testing.T) {
	at := func(seconds int, processed map[string]int64) *Snapshot {
		s := &Snapshot{Time: noon.Add(time.Duration(seconds) * time.Second)}
		for _, uid := range slices.Sorted(maps.Keys(processed)) {
			pod := answering("shop", "emails", uid)
			pod.Answer.Counters = protocol.Counters{Processed: processed[uid], Failed: processed[uid]}
			s.Pods = append(s.Pods, pod)
		}
		s.Pods = append(s.Pods, Pod{UID: "silent"})
		return s
	}
	rate := func(samples ...*Snapshot) string {
		var r Rate
		for _, s := range samples {
			r.Add(s)
		}
		perMinute, ok := r.PerMinute()
		return fmt.Sprintf("%.1f %t", perMinute, ok)
	}
	type m = map[string]int64
	tests := map[string]struct{ got, want string }{
		"nothing":          {rate(), "0.0 false"},
		"one look":         {rate(at(0, m{"a": 1})), "0.0 false"},
		"no time between":  {rate(at(0, m{"a": 1}), at(0, m{"a": 2})), "0.0 false"},
		"time runs back":   {rate(at(1, m{"a": 1}), at(0, m{"a": 2})), "0.0 false"},
		"done and failed":  {rate(at(0, m{"a": 1}), at(10, m{"a": 6})), "60.0 true"},
		"a pod is gone":    {rate(at(0, m{"a": 1, "b": 9}), at(10, m{"a": 6})), "60.0 true"},
		"a pod is new":     {rate(at(0, m{"a": 1}), at(10, m{"a": 6, "b": 9})), "60.0 true"},
		"a count falls":    {rate(at(0, m{"a": 1, "b": 9}), at(10, m{"a": 6, "b": 0})), "60.0 true"},
		"within a window":  {rate(at(0, m{"a": 0}), at(1, m{"a": 10}), at(30, m{"a": 10})), "40.0 true"},
		"beyond a window":  {rate(at(0, m{"a": 0}), at(1, m{"a": 10}), at(31, m{"a": 10})), "0.0 true"},
		"a window at most": {rate(at(0, m{"a": 0}), at(60, m{"a": 10})), "20.0 true"},
	}
	for name, tc := range tests {
		if tc.got != tc.want {
			t.Errorf("%s: %s, want %s", name, tc.got, tc.want)
		}
	}
}

// someWorkers draws workers, of which some share every figure or have none.
func someWorkers(t *rapid.T) []Worker {
	var out []Worker
	small := rapid.IntRange(0, 2)
	for i := range rapid.IntRange(0, 8).Draw(t, "workers") {
		w := Worker{Namespace: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "namespace"), QueueWorker: "emails"}
		w.Name = fmt.Sprintf("pod-%d/0", i)
		w.State = rapid.SampledFrom(slices.Sorted(maps.Keys(stateRank))).Draw(t, "state")
		w.Processed, w.Failed = int64(small.Draw(t, "processed")), int64(small.Draw(t, "failed"))
		known := func(name string) (int, bool) { n := small.Draw(t, name); return n, n > 0 }
		if n, ok := known("cpu"); ok {
			w.CPU = resource.NewMilliQuantity(int64(n), resource.DecimalSI)
		}
		if n, ok := known("memory"); ok {
			w.Memory = resource.NewQuantity(int64(n), resource.BinarySI)
		}
		if n, ok := known("age"); ok {
			w.StartedTime = new(metav1.NewTime(noon.Add(time.Duration(n))))
		}
		if n, ok := known("job"); ok {
			w.CurrentJob = &v1alpha1.CurrentJob{}
			if n > 1 {
				w.CurrentJob.StartedTime = new(metav1.NewTime(noon.Add(time.Duration(small.Draw(t, "start")))))
			}
		}
		out = append(out, w)
	}
	return out
}

// figure returns what an order sorts by, as a number that falls down the table; ok is
// false if it is unknown.
func figure(w *Worker, by Order) (n int64, ok bool) {
	switch by {
	case ByCPU:
		return quantity(w.CPU)
	case ByMemory:
		return quantity(w.Memory)
	case ByAge:
		return began(w.StartedTime)
	case ByJobTime:
		if w.CurrentJob == nil {
			return 0, false
		}
		return began(w.CurrentJob.StartedTime)
	case ByProcessed:
		return w.Processed, true
	case ByFailed:
		return w.Failed, true
	case ByState:
		return -int64(slices.Index([]v1alpha1.WorkerState{
			v1alpha1.WorkerBackingOff, v1alpha1.WorkerBusy, v1alpha1.WorkerRetiring, v1alpha1.WorkerStarting, v1alpha1.WorkerIdle, v1alpha1.WorkerPaused, v1alpha1.WorkerStopped,
		}, w.State)), true
	case ByName:
	}
	return 0, true
}

func quantity(q *resource.Quantity) (int64, bool) {
	if q == nil {
		return 0, false
	}
	return q.MilliValue(), true
}

func began(at *metav1.Time) (int64, bool) {
	if at == nil {
		return 0, false
	}
	return -at.UnixNano(), true
}

// TestRowsDoNotJump: however rows come in, an order gives one table: the largest first, the
// unknown last, and equal rows by namespace and name. Reversed, only equal rows stay.
func TestRowsDoNotJump(t *testing.T) {
	orders := []Order{ByName, ByState, ByCPU, ByMemory, ByAge, ByProcessed, ByFailed, ByJobTime, "of a newer interface"}
	rapid.Check(t, func(t *rapid.T) {
		by, reverse := rapid.SampledFrom(orders).Draw(t, "order"), rapid.Bool().Draw(t, "reverse")
		sorted := someWorkers(t)
		shuffled := rapid.Permutation(sorted).Draw(t, "shuffled")
		SortWorkers(sorted, by, reverse)
		SortWorkers(shuffled, by, reverse)
		if diff := cmp.Diff(sorted, shuffled); diff != "" {
			t.Fatalf("by %s the table depends on where rows stood:\n%s", by, diff)
		}
		for i := 1; i < len(sorted); i++ {
			a, b := &sorted[i-1], &sorted[i]
			names := strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
			if reverse && by == ByName {
				names = -names
			} else if reverse {
				a, b = b, a
			}
			figureA, knownA := figure(a, by)
			figureB, knownB := figure(b, by)
			switch {
			case knownB && (!knownA || figureA < figureB):
				t.Fatalf("by %s, reversed %t, %+v stands before %+v", by, reverse, a, b)
			case knownA == knownB && figureA == figureB && names > 0:
				t.Fatalf("by %s, reversed %t, equal rows are not by name: %s, %s", by, reverse, a.Name, b.Name)
			}
		}
	})
}

// TestFilterLooksEverywhere: in each text of a row, in upper and lower case, and nowhere
// else.
func TestFilterLooksEverywhere(t *testing.T) {
	busy := Worker{Namespace: "Shop", QueueWorker: "Emails"}
	busy.Name, busy.Queue, busy.State, busy.PID = "pod-A/0", "High", v1alpha1.WorkerBusy, 4711
	busy.CurrentJob = &v1alpha1.CurrentJob{Class: `App\Jobs\Send`, ID: "aX9"}
	idle := Worker{Namespace: "test", QueueWorker: "reports"}
	idle.Name, idle.State = "pod-b/0", v1alpha1.WorkerIdle
	for text, want := range map[string]int{
		"": 2, "pod-": 2, "POD-a": 1, "shop": 1, "emails": 1, "HIGH": 1, "busy": 1, `jobs\s`: 1, "ax9": 1, "reports": 1, "idle": 1, "4711": 0, "emailsshop": 0,
	} {
		if got := FilterWorkers([]Worker{busy, idle}, text, false); len(got) != want {
			t.Errorf("%q is found in %d rows, want %d", text, len(got), want)
		}
	}
	if got := FilterWorkers([]Worker{idle, busy}, "pod", true); len(got) != 1 || got[0].Name != busy.Name {
		t.Errorf("busy are %+v", got)
	}
}
