// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

func names(workers []Worker) []string {
	var out []string
	for _, w := range workers {
		_, end, _ := strings.Cut(w.Name, "7c9-")
		out = append(out, end)
	}
	return out
}

// TestWorkersComeFromWhoKnows: an agent's answer takes precedence over the status. A pod
// that is gone is not shown, unless pods cannot be read.
func TestWorkersComeFromWhoKnows(t *testing.T) {
	s := shop()
	if diff := cmp.Diff([]string{"aaaaa/0", "aaaaa/1", "bbbbb/0"}, names(s.Workers())); diff != "" {
		t.Errorf("workers differ (-want +got):\n%s", diff)
	}
	if w := s.Workers()[0]; !w.Live || w.Processed != 118 || w.Queue != "high" {
		t.Errorf("the first worker is %+v, want what its agent says", w)
	}
	if w := s.Workers()[2]; w.Live || w.AsOf == nil || now.Sub(w.AsOf.Time) != 23*time.Second {
		t.Errorf("the silent worker is %+v, want the status of 23s ago", w)
	}
	s.Pods, s.PodsRefused = nil, "you may not list pods"
	if diff := cmp.Diff([]string{"aaaaa/0", "bbbbb/0", "gone0/0"}, names(s.Workers())); diff != "" {
		t.Errorf("without pods, workers differ (-want +got):\n%s", diff)
	}
}

func TestFreshness(t *testing.T) {
	tests := map[string]struct {
		change func(*Snapshot)
		want   string
	}{
		"one silent":   {func(*Snapshot) {}, "1 of 2 pods do not answer; their rows are as of 23s ago, from the status. The last one: context deadline exceeded"},
		"all answer":   {func(s *Snapshot) { s.Pods = s.Pods[:1] }, ""},
		"one pending":  {func(s *Snapshot) { s.Pods[1].Phase = corev1.PodPending }, ""},
		"no proxy":     {func(s *Snapshot) { s.AgentsRefused = "you may not `get` `pods/proxy`" }, "As of 23s ago, since you may not `get` `pods/proxy`: shown is what the QueueWorkers' status says."},
		"no pods":      {func(s *Snapshot) { s.PodsRefused = "you may not list pods" }, "As of 23s ago, since you may not list pods: shown is what the QueueWorkers' status says."},
		"time unknown": {func(s *Snapshot) { s.PodsRefused, s.Pools[0].ManagedFields = "you may not list pods", nil }, "As of an unknown time, since you may not list pods: shown is what the QueueWorkers' status says."},
	}
	for name, tt := range tests {
		s := shop()
		tt.change(s)
		if got := Freshness(s); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestNobodyIsThere(t *testing.T) {
	top := &Top{Width: 80, Where: "shop with the labels team=none", Snapshot: &Snapshot{}}
	if got, want := top.nobody(), "There are no QueueWorkers in shop with the labels team=none."; got != want {
		t.Errorf("top says %q, want %q", got, want)
	}
	s := &Snapshot{Pools: []v1alpha1.QueueWorker{*lost()}}
	if got, want := NoWorkers(s, "There is nothing."), "There are no workers: lost is stopped."; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}

func TestWorkerTable(t *testing.T) {
	listing := WorkerTable(shop().Workers(), now, false)
	want := [][]string{
		{"emails-worker-7c9-aaaaa/0", "high", "Busy", "28", "5m", "118", "2", "84Mi", "120m", `App\Jobs\SendMail for 3s`, "emails", "-", "live"},
		{"emails-worker-7c9-aaaaa/1", "high,default", "BackingOff", "-", "-", "0", "0", "-", "-", "-", "emails", "Crashed", "live"},
		{"emails-worker-7c9-bbbbb/0", "high,default", "Idle", "31", "60m", "40", "0", "64Mi", "2m", "-", "emails", "-", "23s ago"},
	}
	if diff := cmp.Diff(want, listing.Rows); diff != "" {
		t.Errorf("rows differ (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"pod/emails-worker-7c9-aaaaa", "pod/emails-worker-7c9-bbbbb"}, listing.Names); diff != "" {
		t.Errorf("names differ (-want +got):\n%s", diff)
	}
}

func TestSortAndFilter(t *testing.T) {
	tests := map[string]struct {
		by      Order
		reverse bool
		filter  string
		busy    bool
		want    []string
	}{
		"by CPU":           {by: ByCPU, want: []string{"aaaaa/0", "bbbbb/0", "aaaaa/1"}},
		"by CPU, reversed": {by: ByCPU, reverse: true, want: []string{"aaaaa/1", "bbbbb/0", "aaaaa/0"}},
		"by memory":        {by: ByMemory, want: []string{"aaaaa/0", "bbbbb/0", "aaaaa/1"}},
		"by age":           {by: ByAge, want: []string{"bbbbb/0", "aaaaa/0", "aaaaa/1"}},
		"by state":         {by: ByState, want: []string{"aaaaa/1", "aaaaa/0", "bbbbb/0"}},
		"by job":           {by: ByJobTime, want: []string{"aaaaa/0", "aaaaa/1", "bbbbb/0"}},
		"by processed":     {by: ByProcessed, want: []string{"aaaaa/0", "bbbbb/0", "aaaaa/1"}},
		"by failed":        {by: ByFailed, want: []string{"aaaaa/0", "aaaaa/1", "bbbbb/0"}},
		"by name":          {by: ByName, want: []string{"aaaaa/0", "aaaaa/1", "bbbbb/0"}},
		"a job's class":    {by: ByName, filter: "sendmail", want: []string{"aaaaa/0"}},
		"a state":          {by: ByName, filter: "backing", want: []string{"aaaaa/1"}},
		"busy":             {by: ByName, busy: true, want: []string{"aaaaa/0"}},
		"nothing":          {by: ByName, filter: "no such", want: nil},
	}
	for name, tt := range tests {
		workers := FilterWorkers(shop().Workers(), tt.filter, tt.busy)
		SortWorkers(workers, tt.by, tt.reverse)
		if diff := cmp.Diff(tt.want, names(workers)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

// TestAgentsAreNotTrusted: an agent's answer cannot break the table.
func TestAgentsAreNotTrusted(t *testing.T) {
	pod := &Pod{Name: "p", AskedAt: now}
	for _, seconds := range []float64{-1, math.Inf(1), math.NaN(), 1e300} {
		w := worker("q", pod, &protocol.Worker{PID: 1, AgeSeconds: seconds, CPUCores: seconds, Job: &protocol.Job{Class: "\x1b[2J\n\u009b", AgeSeconds: seconds}})
		if w.StartedTime.After(now) || w.StartedTime.Year() < 2000 {
			t.Errorf("an age of %v s began at %s", seconds, w.StartedTime)
		}
	}
	if got := Clean("a\x1b[31m\nb\u009bc\u202e"); strings.ContainsAny(got, "\x1b\n\u009b\u202e") {
		t.Errorf("Clean leaves %q", got)
	}
}

func TestRate(t *testing.T) {
	at := func(seconds int, processed int64, uid string) *Snapshot {
		s := &Snapshot{Time: now.Add(time.Duration(seconds) * time.Second), Pods: []Pod{{UID: "a", Answer: &protocol.Status{}}}}
		s.Pods[0].UID, s.Pods[0].Answer.Counters.Processed = "a", processed
		if uid != "" {
			s.Pods = append(s.Pods, Pod{UID: "b", Answer: &protocol.Status{Counters: protocol.Counters{Processed: 1000}}})
		}
		return s
	}
	var rate Rate
	rate.Add(at(0, 10, ""))
	if _, ok := rate.PerMinute(); ok {
		t.Error("there is a rate after one snapshot")
	}
	rate.Add(at(2, 14, "b")) // a pod that started in between does not count
	if got, _ := rate.PerMinute(); got != 120 {
		t.Errorf("4 jobs in 2 s are %v a minute, want 120", got)
	}
	for second := 4; second <= 60; second += 2 {
		rate.Add(at(second, 14, ""))
	}
	if got, _ := rate.PerMinute(); got != 0 {
		t.Errorf("after a minute without jobs the rate is %v, want 0", got)
	}
}

func TestStatesHaveTones(t *testing.T) {
	if StateTone(v1alpha1.StateFailing) != Bad || StateTone("") != Plain || WorkerTone(v1alpha1.WorkerBackingOff) != Bad {
		t.Error("failing is not bad, or nothing is something")
	}
	if got := Paint(Colours).in(Bad, "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("bad is painted %q", got)
	}
}
