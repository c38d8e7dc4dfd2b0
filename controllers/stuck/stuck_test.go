// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package stuck

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// look is what is seen some time after the last look.
type look struct {
	after     time.Duration
	ready     int64
	oldest    *time.Duration
	processes []Process
	stuck     []string
	restart   []string
}

func idle(pod string, ended int64) Process {
	return Process{Pod: pod, Idle: true, Done: Progress{PID: 7, Ended: ended}}
}

func working(pod string) Process { return Process{Pod: pod, Done: Progress{PID: 7}} }

func TestFind(t *testing.T) {
	patience := Patience(3 * time.Second)
	young := 2 * time.Second
	tests := map[string][]look{
		"idle while there is work": {
			{ready: 5, processes: []Process{idle("a", 1), working("b")}},
			{after: patience / 2, ready: 6, processes: []Process{idle("a", 1), working("b")}},
			{after: patience / 2, ready: 7, processes: []Process{idle("a", 1), working("b")}, stuck: []string{"a"}, restart: []string{"a"}},
			{after: time.Second, ready: 7, processes: []Process{idle("a", 1), working("b")}, stuck: []string{"a"}},
		},
		"nothing was ready in between": {
			{ready: 5, processes: []Process{idle("a", 1)}},
			{after: patience / 2, processes: []Process{idle("a", 1)}},
			{after: patience / 2, ready: 7, processes: []Process{idle("a", 1)}},
		},
		"a job was done in between": {
			{ready: 5, processes: []Process{idle("a", 1)}},
			{after: patience / 2, ready: 5, processes: []Process{idle("a", 2)}},
			{after: patience / 2, ready: 5, processes: []Process{idle("a", 2)}},
		},
		"others take the jobs": {
			{ready: 1, oldest: &young, processes: []Process{idle("a", 1)}},
			{after: patience, ready: 1, oldest: &young, processes: []Process{idle("a", 1)}},
		},
		"restarted once an interval": {
			{ready: 5, processes: []Process{idle("a", 1)}},
			{after: patience, ready: 5, processes: []Process{idle("a", 1)}, stuck: []string{"a"}, restart: []string{"a"}},
			{after: Interval / 2, ready: 5, processes: []Process{idle("a", 1)}, stuck: []string{"a"}},
			{after: Interval / 2, ready: 5, processes: []Process{idle("a", 1)}, stuck: []string{"a"}, restart: []string{"a"}},
		},
		"two processes of a pod": {
			{ready: 5, processes: []Process{idle("a", 1), {Pod: "a", Slot: 1, Idle: true}}},
			{after: patience, ready: 5, processes: []Process{idle("a", 2), {Pod: "a", Slot: 1, Idle: true}}, stuck: []string{"a"}, restart: []string{"a"}},
		},
	}
	for name, looks := range tests {
		t.Run(name, func(t *testing.T) {
			now, memory := start, Memory{}
			for i, l := range looks {
				now = now.Add(l.after)
				out := Find(Input{Now: now, Ready: l.ready, Oldest: l.oldest, Patience: patience, Processes: l.processes, Memory: memory})
				if diff := cmp.Diff([][]string{l.stuck, l.restart}, [][]string{out.Stuck, out.Restart}); diff != "" {
					t.Errorf("look %d: stuck and restarted differ (-want +got):\n%s", i, diff)
				}
				memory = out.Memory
			}
		})
	}
}

// TestFindSparesWhoWorks: a process that is not idle, or whose progress changed less
// than its patience ago, is never called stuck.
func TestFindSparesWhoWorks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		patience := Patience(time.Duration(rapid.IntRange(0, 100).Draw(t, "sleep")) * time.Second)
		now, memory := start, Memory{}
		var progress int64
		changed, restarted := start, time.Time{}
		for range rapid.IntRange(1, 30).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(1, 60).Draw(t, "seconds")) * time.Second)
			p := idle("a", progress)
			if p.Idle = rapid.Bool().Draw(t, "idle"); !p.Idle || rapid.Bool().Draw(t, "progress") {
				progress++
				p.Done.Ended, changed = progress, now
			}
			out := Find(Input{Now: now, Ready: rapid.Int64Range(0, 2).Draw(t, "ready"), Patience: patience, Processes: []Process{p}, Memory: memory})
			memory = out.Memory
			if len(out.Stuck) > 0 && (!p.Idle || now.Sub(changed) < patience) {
				t.Fatalf("stuck %s after its progress", now.Sub(changed))
			}
			if len(out.Restart) > 0 {
				if !restarted.IsZero() && now.Sub(restarted) < Interval {
					t.Fatalf("restarted again after %s", now.Sub(restarted))
				}
				restarted = now
			}
		}
	})
}
