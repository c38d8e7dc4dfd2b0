// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// walk decides once a tick, and returns the decisions. measure sets what is new at each
// tick.
func walk(in Input, ticks int, measure func(tick int, in *Input)) []Decision {
	out := make([]Decision, 0, ticks)
	for tick := range ticks {
		in.Now = in.Now.Add(Tick)
		in.Backlog = &Backlog{MeasuredAt: in.Now}
		measure(tick, &in)
		d := Decide(in)
		in.Memory, in.Current = d.Memory, d.Processes
		out = append(out, d)
	}
	return out
}

func quiet(int, *Input) {}

// TestWindowKeepsTheLargest compares the short list of sizes asked for with a record of
// all of them: it keeps the largest of the window, for at most a slot longer.
func TestWindowKeepsTheLargest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		window := time.Duration(rapid.IntRange(0, 600).Draw(t, "window")) * time.Second
		in := Input{Now: began, Spec: Spec{ScaleDownWindow: window}}
		largest := func(record []Asked, since time.Time) int32 {
			var n int32
			for _, a := range record {
				if !a.At.Before(since) {
					n = max(n, a.Processes)
				}
			}
			return n
		}
		var short, record []Asked
		for range rapid.IntRange(1, 80).Draw(t, "decisions") {
			in.Now = in.Now.Add(time.Duration(rapid.IntRange(0, 30_000).Draw(t, "passed")) * time.Millisecond)
			n := rapid.Int32Range(0, 50).Draw(t, "asked")
			short = ask(short, in, n)
			record = append(record, Asked{At: in.Now, Processes: n})
			least, longest := largest(record, in.Now.Add(-window)), largest(record, in.Now.Add(-window-window/slots))
			if got := short[0].Processes; got < least || got > longest {
				t.Fatalf("%d is kept; %d was asked for within %v, and %d within a slot more", got, least, window, longest)
			}
			if len(short) > slots+2 {
				t.Fatalf("%d sizes are kept", len(short))
			}
		}
	})
}

// TestShrinkingWaits: a pool without work keeps its size for one window after each event
// that counts as asked for, and then shrinks once.
func TestShrinkingWaits(t *testing.T) {
	const window = 2 * time.Minute
	wait := int(window / Tick)
	tests := map[string]struct {
		change func(*Input)
		// at has the last event in this tick.
		at      int
		measure func(int, *Input)
	}{
		"after a restart":         {func(in *Input) { in.Memory = Memory{} }, 0, quiet},
		"after an outage":         {func(*Input) {}, 9, func(tick int, in *Input) { in.Backlog = unless(tick <= 9, in.Backlog) }},
		"after a pause":           {func(*Input) {}, 9, func(tick int, in *Input) { in.Paused = tick <= 9 }},
		"after silence of agents": {func(*Input) {}, 9, func(tick int, in *Input) { in.AgentsReadable, in.Backlog.Reserved = tick > 9, 1 }},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := usual(func(in *Input) { in.Current, in.Spec.ScaleDownWindow, in.Spec.Min = 8, window, 1 })
			tc.change(&in)
			moved := -1
			for tick, d := range walk(in, 3*wait, tc.measure) {
				switch {
				case d.Processes == 8 && moved < 0:
				case d.Processes == 1:
					if moved < 0 {
						moved = tick
					}
				default:
					t.Fatalf("tick %d: %d processes: %s", tick, d.Processes, d.Message)
				}
			}
			if earliest := tc.at + wait; moved < earliest || moved > earliest+3 {
				t.Errorf("it shrank in tick %d, want %d or soon after", moved, earliest)
			}
		})
	}
}

func unless(gone bool, b *Backlog) *Backlog {
	if gone {
		return nil
	}
	return b
}

// TestStoppedPoolsForget: after a stop, the sizes asked for before it no longer count.
func TestStoppedPoolsForget(t *testing.T) {
	in := usual(func(in *Input) {
		in.Current, in.Stopped, in.Memory.Asked = 8, true, []Asked{{At: began, Processes: 8}}
	})
	stopped := Decide(in)
	if stopped.Processes != 0 || len(stopped.Memory.Asked) != 0 {
		t.Fatalf("stopped, with %d processes and %v asked for", stopped.Processes, stopped.Memory.Asked)
	}
	in.Stopped, in.Current, in.Memory = false, 2, stopped.Memory
	in.Spec.ScaleDownStep = 0
	if got := Decide(in); got.Processes != 0 || got.Reason != ReasonNothingToDo {
		t.Errorf("%d processes, %s", got.Processes, got.Message)
	}
}

// TestSteps: a pool shrinks by at most one step, or one pod, a tick, and reaches its
// minimum in as many ticks as the steps need.
func TestSteps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pod, step := rapid.Int32Range(1, 6).Draw(t, "perPod"), rapid.Int32Range(1, 7).Draw(t, "step")
		current := pod * rapid.Int32Range(1, 12).Draw(t, "pods")
		in := usual(func(in *Input) {
			in.Spec.ScaleDownWindow, in.Spec.ScaleDownStep, in.Spec.ProcessesPerPod, in.Current = 0, step, pod, current
		})
		most, least := max(step, pod), max(1, step/pod)*pod
		ticks := int((current + least - 1) / least)
		have := current
		decisions := walk(in, ticks, quiet)
		for tick, d := range decisions {
			if d.Processes > have || have-d.Processes > most {
				t.Fatalf("tick %d: from %d to %d, by steps of %d", tick, have, d.Processes, most)
			}
			if (d.Processes > 0) != (d.LimitedBy == LimitStep) {
				t.Fatalf("tick %d: %d processes, limited by %q", tick, d.Processes, d.LimitedBy)
			}
			have = d.Processes
		}
		if have != 0 {
			t.Fatalf("%d processes after %d ticks: %s", have, ticks, decisions[ticks-1].Message)
		}
	})
}

// TestNoSecondStepWithinATick: decisions between two ticks do not add up to a larger step.
func TestNoSecondStepWithinATick(t *testing.T) {
	for passed, want := range map[time.Duration]int32{0: 8, Tick - 1: 8, Tick: 5, time.Hour: 5, -time.Hour: 5} {
		in := still(func(in *Input) {
			in.Current, in.Spec.ScaleDownStep, in.Memory.SteppedAt = 8, 3, began.Add(-passed)
		})
		got := Decide(in)
		if got.Processes != want {
			t.Errorf("%v after a step: %d processes, want %d", passed, got.Processes, want)
		}
		if stepped := got.Memory.SteppedAt.Equal(began); stepped != (want == 5) && passed != 0 {
			t.Errorf("%v after a step the memory has %v", passed, got.Memory.SteppedAt)
		}
	}
}

// TestGrowthIsNeverDelayed: window and step do not matter for a pool that grows.
func TestGrowthIsNeverDelayed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawMoment(t)
		free := Decide(in)
		if free.Processes <= in.Current {
			return
		}
		in.Spec.ScaleDownWindow = time.Duration(rapid.IntRange(0, 3600).Draw(t, "window")) * time.Second
		in.Spec.ScaleDownStep = rapid.Int32Range(0, 5).Draw(t, "step")
		in.Memory.SteppedAt = began
		in.Memory.Asked = []Asked{{At: began, Processes: sizes.Draw(t, "asked")}}
		slowed := Decide(in)
		free.Memory, slowed.Memory = Memory{}, Memory{}
		if diff := cmp.Diff(free, slowed); diff != "" {
			t.Fatalf("window and step change a growth (-without +with):\n%s", diff)
		}
	})
}

// TestRecheck: without an event, the pool is looked at again when its decision may differ.
func TestRecheck(t *testing.T) {
	tests := map[string]struct {
		change func(*Input)
		want   time.Duration
	}{
		"nothing at all":                     {func(*Input) {}, 0},
		"at the minimum":                     {func(in *Input) { in.Spec.Min, in.Current = 3, 3 }, 0},
		"a part of a pod as the minimum":     {func(in *Input) { in.Spec.Min, in.Spec.ProcessesPerPod, in.Current = 1, 4, 4 }, 0},
		"jobs wait":                          {func(in *Input) { in.Backlog.Ready = 1 }, Tick},
		"jobs are reserved":                  {func(in *Input) { in.Backlog.Reserved = 1 }, Tick},
		"a job is due in an hour":            {func(in *Input) { in.Backlog.NextDue = new(time.Hour) }, time.Hour - 15*time.Second},
		"measured three seconds ago":         {func(in *Input) { due(in, time.Hour, 3*time.Second) }, time.Hour - 18*time.Second},
		"pods start slower than the lead":    {func(in *Input) { in.StartLatency = time.Hour; due(in, 2*time.Hour, 0) }, 119 * time.Minute},
		"due within the lead":                {func(in *Input) { due(in, 15*time.Second, 0) }, Tick},
		"due just beyond the lead":           {func(in *Input) { due(in, 15*time.Second+1, 0) }, time.Millisecond},
		"a minimum is there for it":          {func(in *Input) { in.Spec.Min, in.Current = 1, 1; due(in, time.Hour, 0) }, 0},
		"a step at a time":                   {func(in *Input) { in.Current, in.Spec.ScaleDownStep = 9, 2 }, Tick},
		"a window that ends sooner than due": {func(in *Input) { waitsToShrink(in); due(in, time.Hour, 0) }, 30*time.Second + time.Millisecond},
		"a window that is about to end":      {func(in *Input) { waitsToShrink(in); in.Memory.Asked[0].At = began.Add(-59 * time.Second) }, Tick},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Decide(still(tc.change)); got.Recheck != tc.want {
				t.Errorf("recheck after %v, want %v: %s", got.Recheck, tc.want, got.Message)
			}
		})
	}
}

func due(in *Input, after, ago time.Duration) {
	in.Backlog.MeasuredAt, in.Backlog.Delayed, in.Backlog.NextDue = in.Now.Add(-ago), 1, &after
}

// waitsToShrink has 4 processes wait for 30 s more of a window of a minute.
func waitsToShrink(in *Input) {
	in.Current, in.Spec.ScaleDownWindow = 4, time.Minute
	in.Memory.Asked = []Asked{{At: began.Add(-30 * time.Second), Processes: 4}}
}
