// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/agent/dialect"
)

func event(kind dialect.Kind, id, class string) *dialect.Event {
	return &dialect.Event{Kind: kind, ID: []byte(id), Class: []byte(class), Duration: -1}
}

// Attempts that released their job neither count as failures nor end a row of failures.
func TestLedgerCountsFailuresInARow(t *testing.T) {
	start := time.Unix(1000, 0)
	tests := map[string]struct {
		kinds string // how the jobs end: Failed, Processed, Released
		want  int64
	}{
		"none":                       {kinds: "PPR", want: 0},
		"a success ends the row":     {kinds: "FFFPF", want: 1},
		"a retried attempt does not": {kinds: "FRRFRF", want: 3},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			ledger := dialect.NewLedger(false)
			for i, kind := range tc.kinds {
				id := fmt.Sprint(i)
				ledger.Apply(event(dialect.Started, id, "A"), start)
				ledger.Apply(event(map[rune]dialect.Kind{'F': dialect.Failed, 'P': dialect.Processed, 'R': dialect.Released}[kind], id, "A"), start)
			}
			ledger.Take()
			if got := ledger.Take().FailuresInARow; got != tc.want {
				t.Errorf("%d failures in a row, want %d also at a later look", got, tc.want)
			}
		})
	}
}

func TestLedgerTellsOfTheLastFailures(t *testing.T) {
	ledger, start := dialect.NewLedger(false), time.Unix(1000, 0)
	for i := range dialect.MaxFailures + 3 {
		failed := event(dialect.Failed, fmt.Sprint(i), "A")
		failed.Exception, failed.Queue = []byte("RuntimeException"), []byte("high")
		ledger.Apply(failed, start)
	}
	got := ledger.Take().Failures
	want := dialect.Failure{ID: "3", Class: "A", Queue: "high", Exception: "RuntimeException", At: start}
	if len(got) != dialect.MaxFailures || got[0] != want || got[dialect.MaxFailures-1].ID != "12" {
		t.Errorf("told of %+v", got)
	}
	if again := ledger.Take().Failures; len(again) > 0 {
		t.Errorf("told again of %+v", again)
	}
}

func TestLedgerPairsEvents(t *testing.T) {
	start := time.Unix(1000, 0)
	tests := map[string]struct {
		concurrent bool
		events     []*dialect.Event
		want       dialect.Tally
	}{
		"a start closes the job before it as released": {
			events: []*dialect.Event{event(dialect.Started, "1", "A"), event(dialect.Started, "2", "B")},
			want: dialect.Tally{
				Started: 2, Released: 1, Spent: time.Second, OpenCount: 1,
				Open: &dialect.Job{ID: "2", Class: "B", Since: start.Add(2 * time.Second)},
				Last: dialect.Ending{Class: "A", Duration: time.Second, At: start.Add(2 * time.Second)},
			},
		},
		"a success after a failure of the same id is not counted": {
			events: []*dialect.Event{
				event(dialect.Started, "1", "A"), event(dialect.Failed, "1", "A"), event(dialect.Processed, "1", "A"),
			},
			want: dialect.Tally{
				Started: 1, Failed: 1, Spent: time.Second,
				Last:     dialect.Ending{Class: "A", Failed: true, Duration: time.Second, At: start.Add(2 * time.Second)},
				Failures: []dialect.Failure{{ID: "1", Class: "A", At: start.Add(2 * time.Second)}}, FailuresInARow: 1,
			},
		},
		"a later attempt of a failed id counts again": {
			events: []*dialect.Event{
				event(dialect.Failed, "1", "A"), event(dialect.Started, "1", "A"), event(dialect.Processed, "1", "A"),
			},
			want: dialect.Tally{
				Started: 2, Failed: 1, Processed: 1, Spent: time.Second,
				Last:     dialect.Ending{Class: "A", Duration: time.Second, At: start.Add(3 * time.Second)},
				Failures: []dialect.Failure{{ID: "1", Class: "A", At: start.Add(time.Second)}},
			},
		},
		"ends alone count where a worker prints no starts": {
			events: []*dialect.Event{event(dialect.Processed, "", "A"), event(dialect.Failed, "", "A"), event(dialect.Processed, "", "A")},
			want: dialect.Tally{
				Started: 3, Processed: 2, Failed: 1,
				Last:     dialect.Ending{Class: "A", At: start.Add(3 * time.Second)},
				Failures: []dialect.Failure{{Class: "A", At: start.Add(2 * time.Second)}},
			},
		},
		"an end of another id closes the open job as released": {
			events: []*dialect.Event{event(dialect.Started, "1", "A"), event(dialect.Processed, "2", "B")},
			want: dialect.Tally{
				Started: 2, Processed: 1, Released: 1, Spent: time.Second,
				Last: dialect.Ending{Class: "B", At: start.Add(2 * time.Second)},
			},
		},
		"jobs of a concurrent worker are paired by id": {
			concurrent: true,
			events: []*dialect.Event{
				event(dialect.Started, "1", "A"), event(dialect.Started, "2", "B"), event(dialect.Processed, "1", "A"),
			},
			want: dialect.Tally{
				Started: 2, Processed: 1, Spent: 2 * time.Second, OpenCount: 1,
				Open: &dialect.Job{ID: "2", Class: "B", Since: start.Add(2 * time.Second)},
				Last: dialect.Ending{Class: "A", Duration: 2 * time.Second, At: start.Add(3 * time.Second)},
			},
		},
		"a concurrent worker's end without id ends the oldest": {
			concurrent: true,
			events: []*dialect.Event{
				event(dialect.Started, "1", "A"), event(dialect.Started, "2", "B"), event(dialect.Failed, "", ""),
			},
			want: dialect.Tally{
				Started: 2, Failed: 1, Spent: 2 * time.Second, OpenCount: 1,
				Open:     &dialect.Job{ID: "2", Class: "B", Since: start.Add(2 * time.Second)},
				Last:     dialect.Ending{Class: "A", Failed: true, Duration: 2 * time.Second, At: start.Add(3 * time.Second)},
				Failures: []dialect.Failure{{ID: "1", Class: "A", At: start.Add(3 * time.Second)}}, FailuresInARow: 1,
			},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			ledger := dialect.NewLedger(tc.concurrent)
			now := start
			for _, e := range tc.events {
				now = now.Add(time.Second)
				ledger.Apply(e, now)
			}
			if diff := cmp.Diff(tc.want, ledger.Take()); diff != "" {
				t.Errorf("tally differs (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLedgerAddsUp checks that, whatever a worker prints, every attempt is ended, open,
// or (of more than 1024 open at once) forgotten, and that none is counted twice.
func TestLedgerAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		concurrent := rapid.Bool().Draw(t, "concurrent")
		ledger := dialect.NewLedger(concurrent)
		now := time.Unix(1000, 0)
		var sum dialect.Tally
		for range rapid.IntRange(0, 60).Draw(t, "events") {
			e := event(dialect.Kind(rapid.IntRange(1, 4).Draw(t, "kind")),
				rapid.SampledFrom([]string{"", "1", "2", "3"}).Draw(t, "id"), "A")
			e.Attempt = rapid.IntRange(0, 2).Draw(t, "attempt")
			now = now.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "passed")) * time.Millisecond)
			ledger.Apply(e, now)
			if rapid.Bool().Draw(t, "taken") {
				sum = add(sum, ledger.Take())
			}
		}
		sum = add(sum, ledger.Take())
		if ended := sum.Processed + sum.Failed + sum.Released; sum.Started != ended+int64(sum.OpenCount) {
			t.Fatalf("%d attempts started, %d ended, %d open", sum.Started, ended, sum.OpenCount)
		}
		if !concurrent && sum.OpenCount > 1 {
			t.Fatalf("a sequential worker has %d jobs open", sum.OpenCount)
		}
	})
}

func add(sum, t dialect.Tally) dialect.Tally {
	t.Started += sum.Started
	t.Processed += sum.Processed
	t.Failed += sum.Failed
	t.Released += sum.Released
	return t
}

// TestLedgerIsBounded starts more jobs than a ledger may remember.
func TestLedgerIsBounded(t *testing.T) {
	ledger := dialect.NewLedger(true)
	for i := range 100_000 {
		ledger.Apply(event(dialect.Started, fmt.Sprint(i), fmt.Sprint("Class", i)), time.Unix(0, int64(i)))
	}
	if tally := ledger.Take(); tally.OpenCount != 1024 || tally.Open.ID != "98976" {
		t.Errorf("%d jobs are open, the oldest %q; want 1024 and 98976", tally.OpenCount, tally.Open.ID)
	}
}
