// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// still returns a pool of one-second jobs whose last measurement is already in its memory,
// so every figure stays as the test sets it. It may shrink at once.
func still(change func(*Input)) Input {
	return usual(func(in *Input) {
		in.Spec.ScaleDownWindow = 0
		in.Memory.Measured.At = began
		change(in)
	})
}

// TestLaw compares sizes with the law of the package comment, calculated by hand.
func TestLaw(t *testing.T) {
	tests := map[string]struct {
		in   Input
		want int32
	}{
		"600/(48-15) to start":                      {still(func(in *Input) { in.Backlog.Ready = 600 }), 18},
		"10.4 present for 48 s, the rest to start":  {still(func(in *Input) { in.Backlog.Ready, in.Current = 600, 10 }), 14},
		"600/15 if the oldest is late":              {still(func(in *Input) { in.Backlog.Ready, in.Backlog.Oldest = 600, new(time.Minute) }), 40},
		"610/15 if a start takes the whole target":  {still(func(in *Input) { in.Backlog.Ready, in.StartLatency = 610, time.Minute }), 40},
		"600/(240-15) for a target of five minutes": {still(func(in *Input) { in.Backlog.Ready, in.Spec.TargetWait = 600, 5*time.Minute }), 3},
		"0.7 of what arrives, from zero":            {still(func(in *Input) { in.Memory.Rate, in.Backlog.Reserved = 10, 1 }), 7},
		"1.02 of what arrives, on the way down":     {still(func(in *Input) { in.Memory.Rate, in.Current, in.Backlog.Reserved = 10, 20, 1 }), 10},
		"no less while only 5 % are idle":           {still(func(in *Input) { in.Memory.Rate, in.Current, in.Backlog.Reserved = 20, 21, 1 }), 21},
		"busy processes with jobs longer than the time left": {still(func(in *Input) {
			in.Current, in.Busy, in.Backlog.Reserved, in.Memory.Seconds = 9, 6, 6, 12000
		}), 6},
		"half of the busy processes if a job takes half of the time left": {still(func(in *Input) {
			in.Current, in.Busy, in.Backlog.Reserved, in.Memory.Seconds = 9, 6, 6, 2400
		}), 3},
		"300/15 for the old half, more than 600/33 for all": {still(func(in *Input) {
			in.Backlog.Ready = 600
			in.Memory.Arrived = []Arrival{{At: began.Add(-40 * time.Second), Jobs: 300}, {At: began, Jobs: 600}}
		}), 20},
		"600/33 for all, more than 60/15 for the old tenth": {still(func(in *Input) {
			in.Backlog.Ready = 600
			in.Memory.Arrived = []Arrival{{At: began.Add(-40 * time.Second), Jobs: 60}, {At: began, Jobs: 600}}
		}), 18},
		"660/33 if 60 more are due soon": {still(func(in *Input) { in.Backlog.Ready, in.Backlog.DueSoon = 600, 60 }), 20},
		"50.4 s of work are 1.05 processes, which is not worth a second": {still(func(in *Input) {
			in.Backlog.Ready, in.Current, in.Memory.Seconds = 50, 1, 100.8
		}), 1},
		"1/33 is a process":                    {still(func(in *Input) { in.Backlog.Ready = 1 }), 1},
		"1.045 is not worth a second process":  {still(func(in *Input) { in.Backlog.Ready = 36 }), 1},
		"1.076 is worth a second process":      {still(func(in *Input) { in.Backlog.Ready = 37 }), 2},
		"reserved jobs alone keep one process": {still(func(in *Input) { in.Backlog.Reserved = 3 }), 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Decide(tc.in); got.Processes != tc.want {
				t.Errorf("%d processes, want %d: %s", got.Processes, tc.want, got.Message)
			}
		})
	}
}

// drawMoment draws a pool as still returns it.
func drawMoment(t *rapid.T) Input {
	return still(func(in *Input) {
		in.Spec.Max, in.Spec.ProcessesPerPod = rapid.Int32Range(1, 2000).Draw(t, "max"), rapid.Int32Range(1, 6).Draw(t, "perPod")
		in.Spec.TargetWait = time.Duration(rapid.IntRange(5, 900).Draw(t, "target")) * time.Second
		in.StartLatency = time.Duration(rapid.IntRange(1, 90).Draw(t, "latency")) * time.Second
		in.Backlog.Ready, in.Backlog.Reserved = rapid.Int64Range(0, 3000).Draw(t, "ready"), rapid.Int64Range(0, 60).Draw(t, "reserved")
		in.Backlog.DueSoon = rapid.Int64Range(0, 9).Draw(t, "soon")
		if rapid.Bool().Draw(t, "aged") {
			in.Backlog.Oldest = new(time.Duration(rapid.IntRange(0, 900).Draw(t, "oldest")) * time.Second)
		}
		in.Current = rapid.Int32Range(0, 60).Draw(t, "current")
		in.Busy = rapid.Int32Range(0, in.Current).Draw(t, "busy")
		in.Memory.Rate = rapid.Float64Range(0, 30).Draw(t, "rate")
		in.Memory.Seconds = 100 * rapid.Float64Range(0.01, 200).Draw(t, "service")
		ready := float64(in.Backlog.Ready)
		in.Memory.Measured.Inside, in.Memory.Measured.Ready = ready+float64(in.Backlog.Reserved), ready
	})
}

// TestEachFigurePullsOneWay changes one figure of any pool, and expects the size to stay
// or to move to the side to which this figure pulls.
func TestEachFigurePullsOneWay(t *testing.T) {
	const up, down = 1, -1
	tests := map[string]struct {
		pulls  int32
		change func(in *Input, by float64)
	}{
		"more jobs arrive":          {up, func(in *Input, by float64) { in.Memory.Rate += by }},
		"jobs take longer":          {up, func(in *Input, by float64) { in.Memory.Seconds *= 1 + by }},
		"workers rest between jobs": {up, func(in *Input, by float64) { in.Spec.Rest = time.Duration(by * float64(time.Second)) }},
		"pods start later":          {up, func(in *Input, by float64) { in.StartLatency += time.Duration(by * float64(time.Second)) }},
		"the oldest job is older": {up, func(in *Input, by float64) {
			in.Backlog.Oldest = new(age(in.Backlog) + time.Duration(by*float64(time.Second)))
		}},
		"more jobs are due soon":     {up, func(in *Input, by float64) { in.Backlog.DueSoon += int64(by) }},
		"more jobs are reserved":     {up, func(in *Input, by float64) { in.Backlog.Reserved += int64(by) }},
		"the minimum is higher":      {up, func(in *Input, by float64) { in.Spec.Min = int32(by) }},
		"the maximum is higher":      {up, func(in *Input, by float64) { in.Spec.Max += int32(by) }},
		"the target wait is longer":  {down, func(in *Input, by float64) { in.Spec.TargetWait += time.Duration(by * float64(time.Second)) }},
		"a job is known to be young": {down, func(in *Input, _ float64) { in.Backlog.Oldest = new(time.Duration(0)) }},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				in := drawMoment(t)
				before := Decide(in)
				changed, backlog := in, *in.Backlog
				changed.Backlog = &backlog
				tc.change(&changed, rapid.Float64Range(0, 100).Draw(t, "by"))
				after := Decide(changed)
				if (after.Processes-before.Processes)*tc.pulls < 0 {
					t.Fatalf("the size went from %d (%s) to %d (%s)", before.Processes, before.Message, after.Processes, after.Message)
				}
			})
		})
	}
}

func age(b *Backlog) time.Duration {
	if b.Oldest == nil {
		return 0
	}
	return *b.Oldest
}

// TestBoundsAndWholePods: a size is within the bounds, in whole pods if the bounds have
// room for one, at most a pod away from the size asked for, and never smaller if more is
// asked for.
func TestBoundsAndWholePods(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Input{Spec: drawSpec(t)}.sane().Spec
		n := min(max(0, sizes.Draw(t, "size")), most)
		got, limit := s.within(n)
		pod := int64(s.ProcessesPerPod)
		if got < s.Min || got > s.Max {
			t.Fatalf("%d processes, outside %d to %d", got, s.Min, s.Max)
		}
		fits := int64(s.Max)/pod*pod >= int64(max(1, s.Min))
		if int64(got)%pod != 0 && fits {
			t.Fatalf("%d processes are no whole pods of %d, although %d to %d have room for some", got, pod, s.Min, s.Max)
		}
		if inside := min(max(n, s.Min), s.Max); math.Abs(float64(got)-float64(inside)) >= float64(pod) {
			t.Fatalf("%d processes are more than a pod of %d away from %d", got, pod, inside)
		}
		if got == 0 && n > 0 && s.Max > 0 {
			t.Fatalf("a maximum of %d, less than a pod of %d, gives no process", s.Max, pod)
		}
		if (limit == LimitMinimum && got < n) || (limit == LimitMaximum && got > n) || (limit == LimitNone && got < n) {
			t.Fatalf("%d instead of %d is called limited by %q", got, n, limit)
		}
		if again, _ := s.within(got); again != got {
			t.Fatalf("%d becomes %d, and that becomes %d", n, got, again)
		}
		if more, _ := s.within(min(n+rapid.Int32Range(0, 20).Draw(t, "more"), most)); more < got {
			t.Fatalf("%d becomes %d, and more become %d", n, got, more)
		}
	})
}

// TestUnknownFigures: a figure that is unknown or absurd gives the decision of the figure
// that the documentation names for it.
func TestUnknownFigures(t *testing.T) {
	busy := func(change func(*Input)) Input {
		return still(func(in *Input) {
			in.Current, in.Busy, in.Backlog.Ready, in.Backlog.Reserved, in.Memory.Rate = 10, 5, 300, 5, 2
			change(in)
		})
	}
	tests := map[string]struct{ unknown, known func(*Input) }{
		"a start takes 15 s":           {func(in *Input) { in.StartLatency = 0 }, func(in *Input) { in.StartLatency = 15 * time.Second }},
		"the target is a minute":       {func(in *Input) { in.Spec.TargetWait = 0 }, func(in *Input) { in.Spec.TargetWait = time.Minute }},
		"a negative target is none":    {func(in *Input) { in.Spec.TargetWait = -1 }, func(in *Input) { in.Spec.TargetWait = 0 }},
		"a pod has one process":        {func(in *Input) { in.Spec.ProcessesPerPod = 0 }, func(in *Input) { in.Spec.ProcessesPerPod = 1 }},
		"ages come from the arrivals":  {func(*Input) {}, func(in *Input) { in.Backlog.Oldest = new(time.Duration(0)) }},
		"negative ready jobs":          {func(in *Input) { in.Backlog.Ready = -5 }, func(in *Input) { in.Backlog.Ready = 0 }},
		"negative reserved jobs":       {func(in *Input) { in.Backlog.Reserved = -5 }, func(in *Input) { in.Backlog.Reserved = 0 }},
		"negative jobs due soon":       {func(in *Input) { in.Backlog.DueSoon = -5 }, func(in *Input) { in.Backlog.DueSoon = 0 }},
		"a negative age":               {func(in *Input) { in.Backlog.Oldest = new(-time.Hour) }, func(in *Input) { in.Backlog.Oldest = new(time.Duration(0)) }},
		"a negative size":              {func(in *Input) { in.Current, in.Busy = -3, 0 }, func(in *Input) { in.Current, in.Busy = 0, 0 }},
		"more busy than there are":     {func(in *Input) { in.Busy = 99 }, func(in *Input) { in.Busy = 10 }},
		"a minimum above the maximum":  {func(in *Input) { in.Spec.Min, in.Spec.Max = 20, 7 }, func(in *Input) { in.Spec.Min, in.Spec.Max = 7, 7 }},
		"seconds that are no number":   {func(in *Input) { in.Completed.Seconds = math.NaN() }, func(*Input) {}},
		"agents that do not answer":    {func(in *Input) { in.AgentsReadable, in.Busy = false, 9 }, func(in *Input) { in.AgentsReadable, in.Busy = false, 0 }},
		"a negative step and window":   {func(in *Input) { in.Spec.ScaleDownStep, in.Spec.ScaleDownWindow = -1, -1 }, func(*Input) {}},
		"a rate that would be too low": {func(in *Input) { in.Memory.Rate = -4 }, func(in *Input) { in.Memory.Rate = 0 }},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, want := Decide(busy(tc.unknown)), Decide(busy(tc.known))
			got.Memory, want.Memory = Memory{}, Memory{}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("unexpected decision (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHeldSizes: a size that is held keeps the bounds and the figures last shown, and says
// when to decide again.
func TestHeldSizes(t *testing.T) {
	why := map[string]struct {
		hold    func(*Input)
		reason  Reason
		recheck time.Duration
	}{
		"paused":       {func(in *Input) { in.Paused = true }, ReasonPaused, 0},
		"no backlog":   {func(in *Input) { in.Backlog = nil }, ReasonBacklogUnknown, Tick},
		"old backlog":  {func(in *Input) { in.Backlog.MeasuredAt = began.Add(-StaleAfter - 1) }, ReasonBacklogUnknown, Tick},
		"paused blind": {func(in *Input) { in.Paused, in.Backlog = true, nil }, ReasonPaused, 0},
	}
	sizes := map[string]struct {
		current, want int32
		limit         Limit
	}{
		"inside": {6, 6, LimitNone}, "below": {0, 2, LimitMinimum}, "above": {30, 10, LimitMaximum}, "part of a pod": {5, 6, LimitNone},
	}
	for name, w := range why {
		for where, s := range sizes {
			t.Run(name+", "+where, func(t *testing.T) {
				in := still(func(in *Input) {
					in.Spec.Min, in.Spec.Max, in.Spec.ProcessesPerPod, in.Current, in.Backlog.Ready = 2, 10, 2, s.current, 900
					in.Memory.Shown = Shown{ArrivalRate: 3, Service: 2, Utilisation: 0.6}
				})
				w.hold(&in)
				got := Decide(in)
				if got.Processes != s.want || got.Reason != w.reason || got.LimitedBy != s.limit || got.Recheck != w.recheck {
					t.Errorf("got %d, %s, limited by %q, recheck %v; want %d, %s, %q, %v",
						got.Processes, got.Reason, got.LimitedBy, got.Recheck, s.want, w.reason, s.limit, w.recheck)
				}
				if got.ArrivalRate != 3 || got.ServiceTime != 2*time.Second || got.Utilisation != 0.6 {
					t.Errorf("the figures became %+v", got)
				}
			})
		}
	}
	if got := Decide(still(func(in *Input) { in.Backlog.MeasuredAt, in.Backlog.Ready = began.Add(-StaleAfter), 600 })); got.Reason != ReasonDemand {
		t.Errorf("a backlog that is just not too old is not used: %s", got.Message)
	}
}

// TestDecideChangesNoInput: the caller's backlog and memory stay as they are.
func TestDecideChangesNoInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawMoment(t)
		in.Backlog.Ready *= rapid.SampledFrom([]int64{1, -1}).Draw(t, "sign")
		in.Backlog.MeasuredAt = began.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "later")) * time.Second)
		in.Now = in.Backlog.MeasuredAt
		in.Spec.ScaleDownWindow = time.Minute
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			in.Memory.Asked = append(in.Memory.Asked, Asked{At: began, Processes: sizes.Draw(t, "asked")})
			in.Memory.Arrived = append(in.Memory.Arrived, Arrival{At: began, Jobs: rapid.Float64Range(0, 3000).Draw(t, "arrived")})
		}
		before, backlog := in, *in.Backlog
		before.Backlog = &backlog
		before.Memory.Asked, before.Memory.Arrived = slices.Clone(in.Memory.Asked), slices.Clone(in.Memory.Arrived)
		Decide(in)
		if diff := cmp.Diff(before, in); diff != "" {
			t.Fatalf("the input changed (-before +after):\n%s", diff)
		}
	})
}
