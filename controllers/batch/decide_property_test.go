// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"flag"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// check tries a property on a number of cases.
func check(t *testing.T, cases int, property func(*rapid.T)) {
	t.Helper()
	if os.Getenv("QUEUEWORKER_LONG") == "1" {
		cases *= 10
	}
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set(strconv.Itoa(cases)); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = checks.Value.Set(checks.DefValue) }()
	}
	rapid.Check(t, property)
}

// TestRunsInAnyWorld lets events happen to a pool in any order. There are never two
// runs at once, no run is started twice, and no run ends while a job is left that was
// sent before the last measurement.
func TestRunsInAnyWorld(t *testing.T) {
	check(t, 10_000, func(t *rapid.T) {
		w := newWorld(t)
		steps := map[string]func(){
			"send": w.send, "send later": w.sendLater, "take": w.take, "end": w.end, "pass": w.pass, "measure": w.measure, "hear": w.hear,
			"go dark": w.goDark, "ends": w.ends, "break down": w.breakDown, "ask": w.ask, "stop": w.stop, "pause": w.pause, "block": w.block,
			"learn": w.learn, "restart": w.restart, "reconcile": w.reconcile,
		}
		// Steps that move a run on happen more often than steps that disturb it.
		names := []string{"pass", "measure", "hear", "hear", "learn", "reconcile", "reconcile", "take", "take", "end", "end", "ends", "ends"}
		for name := range steps {
			names = append(names, name)
		}
		slices.Sort(names)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			steps[rapid.SampledFrom(names).Draw(t, "step")]()
		}
	})
}

// check tries what every decision must keep.
func (w *world) check(in Input, out Output) {
	if again := Decide(in); !reflect.DeepEqual(out, again) {
		w.Fatalf("decided again it differs: %+v, then %+v", out, again)
	}
	settled := in
	settled.Past = &out.Status
	if again := Decide(settled); len(again.Skipped) > 0 || len(again.Closed) > 0 || !reflect.DeepEqual(again.Status, out.Status) {
		w.Fatalf("after its own status it decides %+v, before %+v", again, out)
	}
	if out.Start != "" && (out.Open != nil || in.Spec.Stopped || in.Spec.Paused || w.open() != nil && w.open().Name != out.Start) {
		w.Fatalf("starts %s: %+v", out.Start, out)
	}
	if out.Start != "" && in.Blocked != "" {
		w.Fatalf("starts %s though %s", out.Start, in.Blocked)
	}
	if out.Recheck < 0 || out.Recheck > 0 && out.Recheck < soonest(in, out) {
		w.Fatalf("decides again after %s without news: %+v", out.Recheck, out)
	}
	if len(out.Status.Runs) > maxRuns {
		w.Fatalf("%d runs are told of", len(out.Status.Runs))
	}
	if out.Finish == "" || out.Finish == in.Told {
		return
	}
	if measured := in.Work.MeasuredAt; in.Spec.Paused || in.Spec.Stopped || !in.Work.Known || !measured.After(out.Open.Created) || !measured.After(in.Work.LastActivity) {
		w.Fatalf("finishes %s with %+v", out.Finish, in)
	}
	for _, job := range w.jobs {
		left := !job.done && !job.sent.After(in.Work.MeasuredAt)
		if later := job.due.After(in.Work.MeasuredAt) && job.reserved.IsZero(); left && (in.Spec.WaitForDelayed || !later) {
			w.Fatalf("finishes %s at %s, measured %s, with the job %+v left", out.Finish, w.now.Format(time.TimeOnly), in.Work.MeasuredAt.Format(time.TimeOnly), job)
		}
	}
	for i, job := range w.crew {
		if job != nil && !job.sent.After(in.Work.MeasuredAt) {
			w.Fatalf("finishes %s while worker %d works", out.Finish, i)
		}
	}
}

// soonest returns how soon there can be a reason to decide again without news.
func soonest(in Input, out Output) time.Duration {
	if next := out.Status.NextScheduleTime; next != nil && next.After(in.Now) {
		return min(hurry, next.Sub(in.Now))
	}
	return hurry
}

// TestRunsGetAnywhere lets a pool with an undisturbed operator finish its jobs, so that
// the other test does not pass by doing nothing.
func TestRunsGetAnywhere(t *testing.T) {
	check(t, 500, func(t *rapid.T) {
		w := newWorld(t)
		w.spec.Schedule, w.spec.WaitForDelayed = "", true
		for range rapid.IntRange(0, 5).Draw(t, "jobs") {
			w.send()
		}
		for range 400 {
			w.now = w.now.Add(700 * time.Millisecond)
			for i := range crew {
				w.told[i], w.heard[i], w.quiet = w.begun[i], w.now, map[bool]time.Time{true: w.now, false: w.quiet}[w.told[i] != w.begun[i]]
				if job := w.crew[i]; job != nil {
					job.done, w.crew[i], w.begun[i] = true, nil, w.begun[i]+1
				}
			}
			w.take()
			w.measure()
			for i := range crew {
				w.heard[i] = w.now
			}
			w.learn()
			out := Decide(w.input())
			if w.order = out.Finish; w.order == "" && out.Start != "" && len(w.runs) == 0 {
				w.runs = append(w.runs, Run{Name: out.Start, Created: w.now, Living: crew})
			}
			w.status = append(w.status, &out.Status)
			w.ends()
		}
		last := w.status[len(w.status)-1]
		if len(last.Runs) != 1 || last.Runs[0].Outcome != "Complete" || slices.ContainsFunc(w.jobs, func(j *task) bool { return !j.done }) {
			t.Fatalf("after all that time %+v, jobs %+v", last, w.jobs)
		}
	})
}
