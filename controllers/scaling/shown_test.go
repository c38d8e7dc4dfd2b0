// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestShownFiguresStay: a figure stays until it is off by 15 %, and is then shown in two
// digits.
func TestShownFiguresStay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, now := rapid.Float64Range(0, 1e6).Draw(t, "old"), rapid.Float64Range(1e-6, 1e6).Draw(t, "now")
		got := sticky(old, now)
		if math.Abs(now-old) < 0.149*old && got != old {
			t.Fatalf("%g is shown instead of %g although %g differs little", got, old, now)
		}
		if math.Abs(now-old) > 0.151*old && math.Abs(got-now) > 0.0501*now {
			t.Fatalf("%g is shown for %g, after %g", got, now, old)
		}
		if again := sticky(got, now); again != got {
			t.Fatalf("%g is shown for %g, and then %g", got, now, again)
		}
	})
	for now, want := range map[float64]float64{3.14159: 3.1, 0.00996: 0.01, 1234: 1200, 99.6: 100, 0: 0, -1: -1} {
		if got := sticky(0, now); got != want {
			t.Errorf("%g is shown for %g, want %g", got, now, want)
		}
	}
	if got := sticky(-1, 48); got != 48 {
		t.Errorf("after never, 48 is shown as %g", got)
	}
}

// TestTimeToClear: how long the processes that arriving jobs leave free need for the
// backlog.
func TestTimeToClear(t *testing.T) {
	tests := map[string]struct {
		change      func(*Input)
		clear       time.Duration
		utilisation float64
	}{
		"nothing waits":                     {func(in *Input) { in.Backlog.Reserved = 1 }, 0, 0},
		"600 s of work for 10 processes":    {func(in *Input) { in.Backlog.Ready, in.Spec.Max = 600, 10 }, time.Minute, 0},
		"half of them are kept by arrivals": {func(in *Input) { in.Backlog.Ready, in.Spec.Max, in.Memory.Rate = 600, 10, 5 }, 2 * time.Minute, 0.5},
		"all of them are":                   {func(in *Input) { in.Backlog.Ready, in.Spec.Max, in.Memory.Rate = 600, 10, 10 }, Never, 1},
		"more arrives than they can do":     {func(in *Input) { in.Backlog.Ready, in.Spec.Max, in.Memory.Rate = 600, 10, 15 }, Never, 1.5},
		"a fiftieth is free":                {func(in *Input) { in.Backlog.Ready, in.Spec.Max, in.Memory.Rate = 600, 10, 9.9 }, Never, 0.99},
		"no process":                        {func(in *Input) { in.Backlog.Ready, in.Spec.Max = 600, 0 }, Never, 0},
		"no process, and jobs arrive":       {func(in *Input) { in.Backlog.Ready, in.Spec.Max, in.Memory.Rate = 600, 0, 3 }, Never, 3},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := Decide(still(tc.change))
			if got.TimeToClear != tc.clear || got.Utilisation != tc.utilisation {
				t.Errorf("clear in %v at %g, want %v at %g: %s", got.TimeToClear, got.Utilisation, tc.clear, tc.utilisation, got.Message)
			}
		})
	}
}

// TestSentences: each reason and limit in words, with its numbers.
func TestSentences(t *testing.T) {
	const idle = ": no job waits, none is due soon, and none is being worked on"
	tests := map[string]struct {
		change func(*Input)
		want   string
	}{
		"one process": {func(in *Input) { in.Backlog.Ready = 5 },
			"1 process: hardly any jobs arrive and take 1.00s each, which keeps less than 0.1 processes busy, and the waiting jobs (5) must begin within 48.0s."},
		"none waits": {func(in *Input) { in.Memory.Rate, in.Backlog.Reserved = 10, 1 },
			"7 processes: 10 jobs/s arrive and take 1.00s each, which keeps 10 processes busy, and none waits."},
		"one is kept busy": {func(in *Input) { in.Memory.Rate, in.Backlog.Reserved = 1, 1 },
			"1 process: 1 jobs/s arrive and take 1.00s each, which keeps 1 process busy, and none waits."},
		"no more than jobs": {func(in *Input) { in.Backlog.Ready, in.Memory.Seconds = 2, 60000 },
			"2 processes: hardly any jobs arrive and take 10m00s each, which keeps less than 0.1 processes busy, and the waiting jobs (2) must begin within 48.0s; more processes would find no job."},
		"the minimum, idle": {func(in *Input) { in.Spec.Min = 3 }, "3 processes" + idle + "; spec.autoscaling.minProcesses is 3."},
		"the minimum, at work": {func(in *Input) { in.Spec.Min, in.Backlog.Ready = 3, 5 },
			"3 processes: hardly any jobs arrive and take 1.00s each, which keeps less than 0.1 processes busy, and the waiting jobs (5) must begin within 48.0s; spec.autoscaling.minProcesses is 3."},
		"delayed jobs": {func(in *Input) { in.Backlog.DueSoon = 40 }, "2 processes: delayed jobs (40) are due before a pod could start."},
		"delayed jobs, at the maximum": {func(in *Input) { in.Backlog.DueSoon, in.Spec.Max = 600, 4 },
			"4 processes: delayed jobs (600) are due before a pod could start; that needs 18, but spec.autoscaling.maxProcesses is 4."},
		"the window":       {waitsToShrink, "4 processes: 0 would be enough; the pool shrinks once fewer have been enough for 1m00s."},
		"a step":           {func(in *Input) { in.Current, in.Spec.ScaleDownStep = 9, 2 }, "7 processes: 0 would be enough; the pool shrinks by 2 at a time."},
		"a step of a pod":  {func(in *Input) { in.Current, in.Spec.ScaleDownStep, in.Spec.ProcessesPerPod = 9, 2, 3 }, "6 processes: 0 would be enough; the pool shrinks by 3 at a time."},
		"silent agents":    {func(in *Input) { in.Current, in.AgentsReadable, in.Backlog.Reserved = 4, false, 1 }, "4 processes: not every agent answers, so the pool does not shrink."},
		"stopped":          {func(in *Input) { in.Stopped = true }, "0 processes: the pool is stopped."},
		"paused":           {func(in *Input) { in.Paused, in.Current = true, 1 }, "1 process: the pool is paused, so its size stays."},
		"an old backlog":   {func(in *Input) { in.Backlog.MeasuredAt = began.Add(-2 * time.Minute) }, "0 processes: the backlog was last measured more than a minute ago, so the size stays."},
		"nothing whatever": {func(*Input) {}, "0 processes" + idle + "."},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Decide(still(tc.change)).Message; got != tc.want {
				t.Errorf("says\n%s, want\n%s", got, tc.want)
			}
		})
	}
}

func TestNumbersInWords(t *testing.T) {
	for rate, want := range map[float64]string{
		0: "hardly any jobs", 0.0017: "0.1 jobs a minute", 0.1: "6 jobs a minute", 0.49: "29 jobs a minute", 0.5: "0.5 jobs/s", 1: "1 jobs/s", 9.96: "10 jobs/s", 1234.5: "1235 jobs/s",
	} {
		if got := rateOf(rate); got != want {
			t.Errorf("%g jobs a second are called %q, want %q", rate, got, want)
		}
	}
	for part, want := range map[float64]string{
		0: "less than 0.1 processes", 0.099: "less than 0.1 processes", 0.1: "0.1 processes", 0.96: "1 process", 1.04: "1 process", 1.06: "1.1 processes", 10.4: "10 processes",
	} {
		if got := parts(part); got != want {
			t.Errorf("%g processes are called %q, want %q", part, got, want)
		}
	}
}
