// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// run is the length of a history: one pool over so many inputs, each with the memory of the
// last.
const run = 60

func TestMain(m *testing.M) {
	flag.Parse()
	// 2,000 runs of 60 inputs, three decisions on each; QUEUEWORKER_LONG=1 for ten times as many.
	runs := "2000"
	if os.Getenv("QUEUEWORKER_LONG") == "1" {
		runs = "20000"
	}
	if err := flag.Set("rapid.checks", runs); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// oneOf draws a usual value four times in five, and otherwise any value that the type
// holds.
func oneOf[T any](usual, absurd *rapid.Generator[T]) *rapid.Generator[T] {
	return rapid.OneOf(usual, usual, usual, usual, absurd)
}

var (
	sizes     = oneOf(rapid.Int32Range(0, 60), rapid.Int32())
	counts    = oneOf(rapid.Int64Range(0, 3000), rapid.Int64())
	times     = oneOf(rapid.Int64Range(0, int64(10*time.Minute)), rapid.Int64())
	fractions = oneOf(rapid.Float64Range(0, 1e4), rapid.OneOf(rapid.Just(math.NaN()), rapid.Just(math.Inf(1)), rapid.Float64()))
)

func drawSpec(t *rapid.T) Spec {
	return Spec{
		Min: rapid.Int32Range(0, 8).Draw(t, "min"), Max: sizes.Draw(t, "max"),
		TargetWait:      time.Duration(times.Draw(t, "target")),
		ExpectedJob:     time.Duration(times.Draw(t, "expected")),
		Timeout:         time.Duration(times.Draw(t, "timeout")),
		ScaleDownWindow: time.Duration(times.Draw(t, "window")),
		ScaleDownStep:   rapid.Int32Range(0, 5).Draw(t, "step"),
		ProcessesPerPod: rapid.Int32Range(0, 6).Draw(t, "perPod"),
	}
}

// drawBacklog returns nil in one of ten cases.
func drawBacklog(t *rapid.T, now time.Time) *Backlog {
	if rapid.IntRange(0, 9).Draw(t, "unknown") == 0 {
		return nil
	}
	b := &Backlog{
		MeasuredAt: now.Add(-time.Duration(rapid.Int64Range(0, int64(6*time.Second)).Draw(t, "measured"))),
		Ready:      counts.Draw(t, "ready"), Reserved: counts.Draw(t, "reserved"), DueSoon: rapid.Int64Range(0, 9).Draw(t, "soon"),
	}
	if rapid.Bool().Draw(t, "aged") {
		b.Oldest = new(time.Duration(times.Draw(t, "oldest")))
	}
	if rapid.Bool().Draw(t, "awaits") {
		b.NextDue = new(time.Duration(times.Draw(t, "due")))
	}
	if rapid.Bool().Draw(t, "empty") {
		b.Ready, b.Reserved, b.DueSoon = 0, 0, 0
	}
	return b
}

func TestAnyHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := Input{
			Now: began, Spec: drawSpec(t), Current: sizes.Draw(t, "current"),
			StartLatency: time.Duration(times.Draw(t, "latency")),
			Remembered:   Remembered{ServiceTime: time.Duration(times.Draw(t, "service")), ArrivalRate: fractions.Draw(t, "rate")},
		}
		for range run {
			in.Now = in.Now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Second)).Draw(t, "passed")))
			in.Backlog = drawBacklog(t, in.Now)
			in.Completed.Attempts += rapid.Int64Range(0, 500).Draw(t, "ended")
			in.Completed.Seconds += fractions.Draw(t, "took")
			in.Busy = sizes.Draw(t, "busy")
			in.BusyTime = time.Duration(times.Draw(t, "busyTime"))
			in.AgentsReadable = rapid.IntRange(0, 5).Draw(t, "readable") > 0
			in.Paused = rapid.IntRange(0, 9).Draw(t, "paused") == 0
			in.Stopped = rapid.IntRange(0, 19).Draw(t, "stopped") == 0
			d := Decide(in)
			checkSize(t, in, d)
			checkFigures(t, in, d)
			checkReplay(t, in, d)
			checkMonotone(t, in, d)
			in.Memory, in.Current = d.Memory, d.Processes
		}
	})
}

// checkSize: the bounds hold, pause, stop and an unknown backlog have their effect, and no
// process is without a job.
func checkSize(t *rapid.T, in Input, d Decision) {
	clean := in.sane()
	held, _ := clean.Spec.within(clean.Current)
	if in.Stopped {
		if d.Processes != 0 || d.Reason != ReasonStopped {
			t.Fatalf("stopped, and yet %+v", d)
		}
		return
	}
	if d.Processes < clean.Spec.Min || d.Processes > clean.Spec.Max {
		t.Fatalf("%d processes, outside %d to %d", d.Processes, clean.Spec.Min, clean.Spec.Max)
	}
	switch {
	case in.Paused || in.Backlog == nil:
		if d.Processes != held {
			t.Fatalf("%d processes instead of the %d held: %s", d.Processes, held, d.Message)
		}
		return
	case in.Now.Sub(in.Backlog.MeasuredAt) > StaleAfter:
		t.Fatal("no measurement is that old here")
	}
	b := clean.Backlog
	anything := b.Ready > 0 || b.Reserved > 0 || b.DueSoon > 0
	if !in.AgentsReadable && anything && d.Processes < held {
		t.Fatalf("%d processes, less than the %d there were, without knowing what they do", d.Processes, held)
	}
	if in.Memory.Since.IsZero() && clean.Spec.ScaleDownWindow > 0 && d.Processes < held {
		t.Fatalf("shrank to %d just after a restart", d.Processes)
	}
	startup := (clean.startLatency() + Tick).Seconds()
	jobs := float64(b.Ready) + max(1, float64(b.DueSoon)) + max(float64(b.Reserved), float64(clean.Busy)) + math.Ceil(max(0, d.Memory.Rate)*startup)
	most, _ := clean.Spec.within(int32(min(jobs, 1<<30)))
	if d.Processes > max(most, held) {
		t.Fatalf("%d processes, and no more than %g jobs for them (%d before)", d.Processes, jobs, held)
	}
}

func checkFigures(t *rapid.T, in Input, d Decision) {
	for _, x := range []float64{d.ArrivalRate, d.Utilisation, d.Memory.Rate, d.Memory.Seconds, d.Memory.Attempts} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			t.Fatalf("not a number: %+v", d)
		}
	}
	if d.ServiceTime < 0 || d.TimeToClear < Never || d.Recheck < 0 || d.ArrivalRate < 0 || d.Utilisation < 0 {
		t.Fatalf("a negative figure: %+v", d)
	}
	if !strings.HasSuffix(d.Message, ".") || strings.Contains(d.Message, "NaN") || strings.Contains(d.Message, "Inf") || len(d.Message) > 300 {
		t.Fatalf("no sentence: %q", d.Message)
	}
	if n := len(d.Memory.Asked) + len(d.Memory.Arrived); n > 4*slots {
		t.Fatalf("the memory holds %d entries", n)
	}
	if !in.Stopped && !in.Paused && in.Backlog == nil && d.Recheck == 0 {
		t.Fatal("nobody would look again for a backlog that could not be read")
	}
}

// checkReplay: the same input, and deciding again at the same moment, give the same result.
func checkReplay(t *rapid.T, in Input, d Decision) {
	if diff := cmp.Diff(d, Decide(in)); diff != "" {
		t.Fatalf("the same input gives another decision:\n%s", diff)
	}
	text, err := json.Marshal(d.Memory)
	if err != nil {
		t.Fatal(err)
	}
	again := in
	again.Memory = Memory{}
	if err := json.Unmarshal(text, &again.Memory); err != nil {
		t.Fatal(err)
	}
	again.Current, again.Busy = d.Processes, in.sane().Busy
	if again.Busy > d.Processes {
		return // some of those at work are being drained now, which is news
	}
	if next := Decide(again); next.Processes != d.Processes {
		t.Fatalf("deciding again at the same moment moves %d (%s) to %d (%s)", d.Processes, d.Message, next.Processes, next.Message)
	}
}

// checkMonotone: more jobs never mean fewer processes.
func checkMonotone(t *rapid.T, in Input, d Decision) {
	if in.Backlog == nil || in.Backlog.Ready < 0 {
		return
	}
	more := *in.Backlog
	added := rapid.Int64Range(1, 2000).Draw(t, "added")
	if more.Ready > math.MaxInt64-added {
		return
	}
	more.Ready += added
	in.Backlog = &more
	if larger := Decide(in); larger.Processes < d.Processes {
		t.Fatalf("with %d more jobs %d processes (%s) instead of %d (%s)", added, larger.Processes, larger.Message, d.Processes, d.Message)
	}
}
