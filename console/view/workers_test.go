// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/test/shop"
)

func names(workers []view.Worker) []string {
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
	s := shop.Snapshot()
	if diff := cmp.Diff([]string{"aaaaa/0", "aaaaa/1", "bbbbb/0"}, names(s.Workers())); diff != "" {
		t.Errorf("workers differ (-want +got):\n%s", diff)
	}
	if w := s.Workers()[0]; !w.Live || w.Processed != 118 || w.Queue != "high" {
		t.Errorf("the first worker is %+v, want what its agent says", w)
	}
	if w := s.Workers()[2]; w.Live || w.AsOf == nil || shop.Now.Sub(w.AsOf.Time) != 23*time.Second {
		t.Errorf("the silent worker is %+v, want the status of 23s ago", w)
	}
	s.Pods, s.PodsRefused = nil, true
	if diff := cmp.Diff([]string{"aaaaa/0", "bbbbb/0", "gone0/0"}, names(s.Workers())); diff != "" {
		t.Errorf("without pods, workers differ (-want +got):\n%s", diff)
	}
}

func TestSortAndFilter(t *testing.T) {
	tests := map[string]struct {
		by      view.Order
		reverse bool
		filter  string
		busy    bool
		want    []string
	}{
		"by CPU":           {by: view.ByCPU, want: []string{"aaaaa/0", "bbbbb/0", "aaaaa/1"}},
		"by CPU, reversed": {by: view.ByCPU, reverse: true, want: []string{"aaaaa/1", "bbbbb/0", "aaaaa/0"}},
		"by memory":        {by: view.ByMemory, want: []string{"aaaaa/0", "bbbbb/0", "aaaaa/1"}},
		"by age":           {by: view.ByAge, want: []string{"bbbbb/0", "aaaaa/0", "aaaaa/1"}},
		"by state":         {by: view.ByState, want: []string{"aaaaa/1", "aaaaa/0", "bbbbb/0"}},
		"by job":           {by: view.ByJobTime, want: []string{"aaaaa/0", "aaaaa/1", "bbbbb/0"}},
		"by processed":     {by: view.ByProcessed, want: []string{"aaaaa/0", "bbbbb/0", "aaaaa/1"}},
		"by failed":        {by: view.ByFailed, want: []string{"aaaaa/0", "aaaaa/1", "bbbbb/0"}},
		"by name":          {by: view.ByName, want: []string{"aaaaa/0", "aaaaa/1", "bbbbb/0"}},
		"a job's class":    {by: view.ByName, filter: "sendmail", want: []string{"aaaaa/0"}},
		"a state":          {by: view.ByName, filter: "backing", want: []string{"aaaaa/1"}},
		"busy":             {by: view.ByName, busy: true, want: []string{"aaaaa/0"}},
		"nothing":          {by: view.ByName, filter: "no such", want: nil},
	}
	for name, tt := range tests {
		workers := view.FilterWorkers(shop.Snapshot().Workers(), tt.filter, tt.busy)
		view.SortWorkers(workers, tt.by, tt.reverse)
		if diff := cmp.Diff(tt.want, names(workers)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestRate(t *testing.T) {
	at := func(seconds int, processed int64, uid string) *view.Snapshot {
		s := &view.Snapshot{Time: shop.Now.Add(time.Duration(seconds) * time.Second), Pods: []view.Pod{{UID: "a", Answer: &protocol.Status{}}}}
		s.Pods[0].UID, s.Pods[0].Answer.Counters.Processed = "a", processed
		if uid != "" {
			s.Pods = append(s.Pods, view.Pod{UID: "b", Answer: &protocol.Status{Counters: protocol.Counters{Processed: 1000}}})
		}
		return s
	}
	var rate view.Rate
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

func TestFreshness(t *testing.T) {
	tests := map[string]struct {
		change func(*view.Snapshot)
		want   view.Freshness
	}{
		"one silent": {
			func(*view.Snapshot) {},
			view.Freshness{Code: view.AgentsSilent, Age: 23 * time.Second, Silent: 1, Running: 2, Silence: "context deadline exceeded"},
		},
		"all answer":   {func(s *view.Snapshot) { s.Pods = s.Pods[:1] }, view.Freshness{}},
		"one pending":  {func(s *view.Snapshot) { s.Pods[1].Phase = corev1.PodPending }, view.Freshness{}},
		"no proxy":     {func(s *view.Snapshot) { s.AgentsRefused = true }, view.Freshness{Code: view.AgentsRefused, Age: 23 * time.Second}},
		"no pods":      {func(s *view.Snapshot) { s.PodsRefused = true }, view.Freshness{Code: view.PodsRefused, Age: 23 * time.Second}},
		"time unknown": {func(s *view.Snapshot) { s.PodsRefused, s.Pools[0].ManagedFields = true, nil }, view.Freshness{Code: view.PodsRefused, Age: -1}},
	}
	for name, tt := range tests {
		s := shop.Snapshot()
		tt.change(s)
		if got := s.Freshness(); got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}
