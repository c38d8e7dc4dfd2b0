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

// TestAMemoryBegins: what is known of a pool before its first measurement, best first.
func TestAMemoryBegins(t *testing.T) {
	tests := map[string]struct {
		in              Input
		mean, attempts  float64
		rate            float64
		rateSince, asks time.Duration
	}{
		"nothing is known":             {Input{}, 5, assumedWeight, 0, 0, 0},
		"the timeout is shorter":       {Input{Spec: Spec{Timeout: 2 * time.Second}}, 2, assumedWeight, 0, 0, 0},
		"the timeout is longer":        {Input{Spec: Spec{Timeout: time.Hour}}, 5, assumedWeight, 0, 0, 0},
		"the user expects":             {Input{Spec: Spec{ExpectedJob: time.Minute, Timeout: time.Second}}, 60, toldWeight, 0, 0, 0},
		"the status remembers":         {Input{Spec: Spec{ExpectedJob: time.Minute}, Remembered: Remembered{ServiceTime: 3 * time.Second}}, 3, rememberedWeight, 0, 0, 0},
		"with the rest after each job": {Input{Spec: Spec{Rest: time.Second}, Remembered: Remembered{ServiceTime: 3 * time.Second}}, 2, rememberedWeight, 0, 0, 0},
		"nothing but the rest":         {Input{Spec: Spec{Rest: time.Second}, Remembered: Remembered{ServiceTime: time.Second}}, 5, assumedWeight, 0, 0, 0},
		"the rate is remembered":       {Input{Remembered: Remembered{ArrivalRate: 4}}, 5, assumedWeight, 4, time.Minute, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.in.Now, tc.in.Current = began, 7
			got := Memory{}.begin(tc.in)
			if got.Seconds/got.Attempts != tc.mean || got.Attempts != tc.attempts || got.Rate != tc.rate {
				t.Errorf("it begins with jobs of %g s, %g of them, and %g jobs/s", got.Seconds/got.Attempts, got.Attempts, got.Rate)
			}
			if !got.Since.Equal(began) || !got.RateSince.Equal(began.Add(-tc.rateSince)) {
				t.Errorf("it begins at %v, and the rate at %v", got.Since, got.RateSince)
			}
			if diff := cmp.Diff([]Asked{{At: began, Processes: 7}}, got.Asked); diff != "" {
				t.Errorf("the size it finds is not asked for (-want +got):\n%s", diff)
			}
			if again := got.begin(Input{Now: began.Add(time.Hour)}); !cmp.Equal(again, got) {
				t.Errorf("it begins twice: %+v", again)
			}
		})
	}
}

// TestMeasurementsThatDoNotCount: a measurement counts once, in order, and only with the
// counts of the agents.
func TestMeasurementsThatDoNotCount(t *testing.T) {
	first := usual(func(in *Input) { in.Backlog.Ready, in.Completed = 10, Completed{Attempts: 100, Seconds: 100} })
	memory := first.Memory.observe(first)
	if memory.Measured.Inside != 10 || !memory.Measured.Moved {
		t.Fatalf("the first measurement became %+v", memory.Measured)
	}
	for name, change := range map[string]func(*Input){
		"the same measurement again": func(in *Input) { in.Backlog.Ready = 5000 },
		"an earlier measurement":     func(in *Input) { in.Backlog.Ready, in.Backlog.MeasuredAt = 5000, began.Add(-time.Second) },
		"agents that do not answer": func(in *Input) {
			in.Backlog.Ready, in.Backlog.MeasuredAt, in.AgentsReadable = 5000, began.Add(Tick), false
		},
	} {
		t.Run(name, func(t *testing.T) {
			in, backlog := first, *first.Backlog
			in.Backlog = &backlog
			change(&in)
			if diff := cmp.Diff(memory, memory.observe(in)); diff != "" {
				t.Errorf("it changed the memory (-before +after):\n%s", diff)
			}
		})
	}
	t.Run("counts that went back", func(t *testing.T) {
		in := first
		in.Backlog = &Backlog{MeasuredAt: began.Add(Tick), Ready: 10}
		same := memory.observe(in)
		in.Completed = Completed{}
		got := memory.observe(in)
		same.Measured.Completed, same.Arrived, got.Arrived = Completed{}, nil, nil
		if diff := cmp.Diff(same, got); diff != "" {
			t.Errorf("fewer attempts than before are not taken for none (-want +got):\n%s", diff)
		}
	})
	t.Run("seconds that are no number", func(t *testing.T) {
		in := first
		in.Completed.Seconds = math.NaN()
		d := Decide(in)
		if d.Memory.Measured.Completed.Seconds != 0 || math.IsNaN(d.Memory.Seconds) {
			t.Errorf("they became %+v", d.Memory)
		}
	})
}

// TestTheRateOfASteadyLoad: the estimate reaches a constant rate, however much of it waits.
func TestTheRateOfASteadyLoad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0.2, 50).Draw(t, "rate")
		done := rapid.Float64Range(0, 1).Draw(t, "done") // the part of the arrivals that ends; the rest waits
		in := usual(func(in *Input) { in.Memory.Rate = rapid.Float64Range(0, 100).Draw(t, "before") })
		memory := in.Memory
		for tick := range 240 {
			arrived := math.Floor(rate * Tick.Seconds() * float64(tick+1))
			ended := math.Floor(arrived * done)
			in.Backlog = &Backlog{MeasuredAt: began.Add(Tick * time.Duration(tick)), Ready: int64(arrived - ended)}
			in.Completed = Completed{Attempts: int64(ended), Seconds: ended}
			memory = memory.observe(in)
		}
		if off := math.Abs(memory.Rate - rate); off > 0.05*rate+0.03 {
			t.Fatalf("after 20 minutes of %.2f jobs/s the estimate is %.2f", rate, memory.Rate)
		}
	})
}

// TestOneMeasurementIsNoRate: one measurement moves the rate towards what was measured,
// never beyond it, and at most to twice the rate and a few jobs.
func TestOneMeasurementIsNoRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate, passed := rapid.Float64Range(0, 1000).Draw(t, "rate"), rapid.Float64Range(1, 60).Draw(t, "passed")
		arrived, known := rapid.Float64Range(-1e6, 1e6).Draw(t, "arrived"), rapid.Float64Range(0, 1e5).Draw(t, "known")
		got := nextRate(rate, arrived, passed, known)
		seen := arrived / passed
		if got < min(rate, seen)-1e-6 || got > max(rate, seen)+1e-6 {
			t.Fatalf("a rate of %g/s and a measurement of %g/s give %g/s", rate, seen, got)
		}
		if surprise := surpriseRate + surpriseJobs/passed; got > 2*rate+surprise+1e-6 || got < -surprise-1e-6 {
			t.Fatalf("one measurement of %g/s moves a rate of %g/s to %g/s", seen, rate, got)
		}
		if longer := nextRate(rate, arrived, passed, known+60); math.Abs(longer-rate) > math.Abs(got-rate)+1e-6 {
			t.Fatalf("a rate known for longer moves further: from %g/s to %g/s instead of %g/s", rate, longer, got)
		}
	})
}

// TestABatchIsNoRate: jobs put at once raise the rate by little, and not for long.
func TestABatchIsNoRate(t *testing.T) {
	in := usual(func(in *Input) { in.Memory.Rate = 1 })
	memory, highest := in.Memory, 0.0
	for tick := range 61 {
		in.Backlog = &Backlog{MeasuredAt: began.Add(Tick * time.Duration(tick)), Ready: 100_000}
		in.Completed.Attempts = int64(tick * 5) // one a second comes and goes
		memory = memory.observe(in)
		highest = max(highest, memory.Rate)
	}
	if highest > 1.3 || math.Abs(memory.Rate-1) > 0.1 {
		t.Errorf("100,000 jobs at once raise a rate of 1/s to %.2f/s, and it is %.2f/s after five minutes", highest, memory.Rate)
	}
}

// TestServiceTimes: a job's time is between what was measured before and now; many
// attempts replace the old figure, few do not; a running job counts if it is long.
func TestServiceTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Memory{Attempts: rapid.Float64Range(1, 1000).Draw(t, "attempts")}
		before := rapid.Float64Range(0.01, 100).Draw(t, "before")
		m.Seconds = m.Attempts * before
		ended, now := float64(rapid.IntRange(0, 2000).Draw(t, "ended")), rapid.Float64Range(0.01, 100).Draw(t, "now")
		passed := time.Duration(rapid.IntRange(1, 60).Draw(t, "passed")) * time.Second
		var after Memory
		after.Attempts, after.Seconds = m.nextService(ended, ended*now, passed)
		mean := after.Seconds / after.Attempts
		if mean < min(before, now)-1e-9 || mean > max(before, now)+1e-9 {
			t.Fatalf("jobs of %g s and then of %g s have a mean of %g s", before, now, mean)
		}
		if later, _ := m.nextService(ended, ended*now, passed+time.Minute); later > after.Attempts {
			t.Fatalf("older attempts weigh more: %g instead of %g", later, after.Attempts)
		}
		in := Input{AgentsReadable: true, Busy: rapid.Int32Range(0, 50).Draw(t, "busy"), BusyTime: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "busyTime"))}
		likely := max(mean, 2*in.BusyTime.Seconds()/max(1, float64(in.Busy))-mean)
		if got := after.service(in); got < mean-1e-9 || got > likely+1e-9 {
			t.Fatalf("%d running jobs, %v in all, make %g s of a mean of %g s", in.Busy, in.BusyTime, got, mean)
		}
	})
}

func TestServiceOfRunningJobs(t *testing.T) {
	m := Memory{Attempts: 100, Seconds: 100}
	tests := map[string]struct {
		in   Input
		want float64
	}{
		"nothing runs":                       {Input{AgentsReadable: true}, 1},
		"jobs as old as the mean":            {Input{AgentsReadable: true, Busy: 5, BusyTime: 5 * time.Second}, 1},
		"their times are unknown":            {Input{AgentsReadable: true, Busy: 5}, 1},
		"five jobs of five minutes":          {Input{AgentsReadable: true, Busy: 5, BusyTime: 25 * time.Minute}, (100 + 5*599) / 105.0},
		"the same, but agents do not answer": {Input{Busy: 5, BusyTime: 25 * time.Minute}, 1},
		"a rest after each job":              {Input{Spec: Spec{Rest: 3 * time.Second}}, 4},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := m.service(tc.in); math.Abs(got-tc.want) > 1e-9 {
				t.Errorf("a job takes %g s, want %g s", got, tc.want)
			}
		})
	}
	if got := (Memory{}).service(Input{}); got <= 0 {
		t.Errorf("an empty memory says that a job takes %g s", got)
	}
}

// TestAgesOfWaitingJobs compares the ages that the record of arrivals gives with a queue
// of which each job's age is known. An age may be too high by a slot, and is exact enough
// up to the target wait.
func TestAgesOfWaitingJobs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		target := time.Duration(rapid.IntRange(30, 600).Draw(t, "target")) * time.Second
		slot := max(Tick, target/slots)
		in := usual(func(in *Input) { in.Spec.TargetWait, in.Memory = target, Memory{Since: began} })
		memory := in.Memory
		var queue []time.Time
		reserved := 0
		for range rapid.IntRange(1, 80).Draw(t, "ticks") {
			in.Now = in.Now.Add(Tick)
			for range rapid.IntRange(0, 6).Draw(t, "put") {
				queue = append(queue, in.Now)
			}
			taken := rapid.IntRange(0, min(len(queue), 6)).Draw(t, "taken")
			queue, reserved = queue[taken:], reserved+taken
			ended := rapid.IntRange(0, reserved).Draw(t, "ended")
			reserved -= ended
			in.Completed.Attempts += int64(ended)
			in.Backlog = &Backlog{MeasuredAt: in.Now, Ready: int64(len(queue)), Reserved: int64(reserved)}
			memory = memory.observe(in)
			checkGroups(t, memory.waiting(in, 0), queue, in.Now, target, slot)
		}
	})
}

// checkGroups: the groups are older the fewer jobs they have, the last has all jobs, and
// no group is younger than its youngest job.
func checkGroups(t *rapid.T, groups []group, queue []time.Time, now time.Time, target, slot time.Duration) {
	t.Helper()
	if len(queue) == 0 {
		if len(groups) != 0 {
			t.Fatalf("nothing waits, and yet %v", groups)
		}
		return
	}
	if got := groups[len(groups)-1].jobs; got != float64(len(queue)) {
		t.Fatalf("%d jobs wait, and the groups have %v", len(queue), groups)
	}
	if !slices.IsSortedFunc(groups, func(a, b group) int { return int(a.jobs - b.jobs) }) ||
		!slices.IsSortedFunc(groups, func(a, b group) int { return int(b.age - a.age) }) {
		t.Fatalf("the groups are out of order: %v", groups)
	}
	for _, g := range groups {
		youngest := now.Sub(queue[int(g.jobs)-1])
		if age := time.Duration(g.age * float64(time.Second)); age < min(youngest, target) || age > youngest+slot {
			t.Fatalf("the youngest of %g jobs is %v old, not %v (target %v)", g.jobs, youngest, age, target)
		}
	}
}

// TestWaitingJobs: what is added to the record of arrivals, and what bounds it.
func TestWaitingJobs(t *testing.T) {
	memory := Memory{
		Measured: Measurement{At: began, Inside: 12, Ready: 10, Completed: Completed{Attempts: 88}}, // 90 were taken
		Arrived:  []Arrival{{At: began.Add(-50 * time.Second), Jobs: 80}, {At: began.Add(-20 * time.Second), Jobs: 94}, {At: began, Jobs: 100}},
	}
	tests := map[string]struct {
		backlog Backlog
		soon    float64
		want    []group
	}{
		"by their arrivals":              {Backlog{Ready: 10}, 0, []group{{4, 20}, {10, 0}}},
		"jobs due soon are the youngest": {Backlog{Ready: 10}, 3, []group{{4, 20}, {10, 0}, {13, 0}}},
		"more than were taken in":        {Backlog{Ready: 15}, 0, []group{{4, 20}, {10, 0}, {15, 0}}},
		"fewer than were taken in":       {Backlog{Ready: 3}, 0, []group{{3, 20}, {3, 0}}},
		"the backend knows an older one": {Backlog{Ready: 10, Oldest: new(time.Minute)}, 0, []group{{4, 60}, {10, 0}}},
		"the backend knows all younger":  {Backlog{Ready: 10, Oldest: new(7 * time.Second)}, 0, []group{{4, 7}, {10, 0}}},
		"nothing but jobs due soon":      {Backlog{}, 2, []group{{2, 0}}},
		"nothing":                        {Backlog{}, 0, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.backlog.MeasuredAt = began
			got := memory.waiting(Input{Backlog: &tc.backlog}, tc.soon)
			if !slices.Equal(got, tc.want) {
				t.Errorf("waiting are %v, want %v", got, tc.want)
			}
		})
	}
}

// TestRecordOfArrivals: the record has an entry for each slot, and goes back as far as the
// target wait.
func TestRecordOfArrivals(t *testing.T) {
	ago := func(seconds int, jobs float64) Arrival {
		return Arrival{At: began.Add(-time.Duration(seconds) * time.Second), Jobs: jobs}
	}
	tests := map[string]struct {
		record []Arrival
		inside float64 // beside 80 attempts that ended
		want   []Arrival
	}{
		"the first":                    {nil, 10, []Arrival{ago(0, 90)}},
		"nothing new":                  {[]Arrival{ago(3, 90)}, 10, []Arrival{ago(3, 90)}},
		"more in the same slot":        {[]Arrival{ago(4, 85)}, 10, []Arrival{ago(4, 90)}},
		"more in a new slot":           {[]Arrival{ago(5, 85)}, 10, []Arrival{ago(5, 85), ago(0, 90)}},
		"jobs were removed":            {[]Arrival{ago(60, 80), ago(40, 85), ago(20, 95)}, 10, []Arrival{ago(60, 80), ago(40, 85), ago(0, 90)}},
		"all jobs were removed":        {[]Arrival{ago(60, 81), ago(40, 85)}, 0, []Arrival{ago(0, 80)}},
		"older than the target":        {[]Arrival{ago(70, 80), ago(65, 82), ago(10, 85)}, 10, []Arrival{ago(65, 82), ago(10, 85), ago(0, 90)}},
		"the last one, however old":    {[]Arrival{ago(900, 90)}, 10, []Arrival{ago(900, 90)}},
		"a target that became shorter": {slices.Repeat([]Arrival{ago(60, 80)}, 60), 0, slices.Repeat([]Arrival{ago(60, 80)}, 2*slots)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			m := Memory{Measured: Measurement{Inside: tc.inside, Completed: Completed{Attempts: 80}}, Arrived: tc.record}
			got := m.arrived(Input{Backlog: &Backlog{MeasuredAt: began}, Spec: Spec{TargetWait: time.Minute}})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("unexpected record (-want +got):\n%s", diff)
			}
		})
	}
}
