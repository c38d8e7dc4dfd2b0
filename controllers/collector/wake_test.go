// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
)

func TestWhatIsNotableAndWhatMoved(t *testing.T) {
	tests := map[string]struct {
		change      func(s *protocol.Status)
		wantNotable bool
		wantMoved   bool
	}{
		"nothing":             {change: func(*protocol.Status) {}},
		"the agent got older": {change: func(s *protocol.Status) { s.UptimeSeconds += 5; s.Workers[0].AgeSeconds += 5 }},
		"memory and CPU": {change: func(s *protocol.Status) {
			s.Workers[0].MemoryBytes++
			s.Workers[0].CPUCores++
			s.Workers[0].CPUSeconds++
		}},
		"traffic":               {change: func(s *protocol.Status) { s.Network.ReceivedBytes++ }},
		"a wait became shorter": {change: func(s *protocol.Status) { s.Workers[0].NextStartSeconds++ }},
		"a job got older":       {change: func(s *protocol.Status) { s.Workers[1].Job.AgeSeconds++ }},

		"a job ended":        {change: func(s *protocol.Status) { s.Counters.Processed++ }, wantMoved: true},
		"a job failed":       {change: func(s *protocol.Status) { s.Counters.Failed++ }, wantMoved: true},
		"a job was released": {change: func(s *protocol.Status) { s.Counters.Released++ }, wantMoved: true},
		"a job began":        {change: func(s *protocol.Status) { s.Workers[0].State = protocol.WorkerBusy }, wantMoved: true},
		"another job":        {change: func(s *protocol.Status) { s.Workers[1].Job.ID = "2" }, wantMoved: true},
		"no job any more":    {change: func(s *protocol.Status) { s.Workers[1].Job = nil }, wantMoved: true},
		"a successor":        {change: func(s *protocol.Status) { s.Workers[0].PID++ }, wantMoved: true},
		"a recycled process": {change: func(s *protocol.Status) {
			s.Counters.Exits = map[protocol.ExitReason]int64{protocol.ExitMaxJobs: 6, protocol.ExitCrashed: 1}
			s.RecentExits = slices.Insert(s.RecentExits, 0, protocol.Exit{Sequence: 7, Reason: protocol.ExitMaxJobs})
		}, wantMoved: true},

		"a control revision":           {change: func(s *protocol.Status) { s.ControlRevision++ }, wantNotable: true},
		"a control error":              {change: func(s *protocol.Status) { s.ControlError = "unreadable" }, wantNotable: true},
		"a phase":                      {change: func(s *protocol.Status) { s.Phase = protocol.PhasePaused }, wantNotable: true},
		"no longer ready":              {change: func(s *protocol.Status) { s.Ready = false }, wantNotable: true},
		"runtime facts known":          {change: func(s *protocol.Status) { s.Runtime = &protocol.RuntimeFacts{} }, wantNotable: true},
		"a process backing off":        {change: func(s *protocol.Status) { s.Workers[0].State = protocol.WorkerBackingOff }, wantNotable: true, wantMoved: true},
		"a process retiring":           {change: func(s *protocol.Status) { s.Workers[0].State = protocol.WorkerRetiring }, wantNotable: true, wantMoved: true},
		"a pod that is to be replaced": {change: func(s *protocol.Status) { s.Workers[0].RecycleDue = true }, wantNotable: true},
		"a process killed on request": {change: func(s *protocol.Status) {
			s.Counters.Exits = map[protocol.ExitReason]int64{protocol.ExitMaxJobs: 5, protocol.ExitCrashed: 1, protocol.ExitKilledOnRequest: 1}
		}, wantNotable: true, wantMoved: true},
		"a restart for failures in a row": {change: func(s *protocol.Status) {
			s.RecentExits = slices.Insert(s.RecentExits, 0, protocol.Exit{Sequence: 7, Reason: protocol.ExitMaxExceptions})
		}, wantNotable: true},
		"a crash": {change: func(s *protocol.Status) {
			s.RecentExits = slices.Insert(s.RecentExits, 0, protocol.Exit{Sequence: 7, Reason: protocol.ExitCrashed})
		}, wantNotable: true},
		"a crash known by its count alone": {change: func(s *protocol.Status) {
			s.Counters.Exits = map[protocol.ExitReason]int64{protocol.ExitMaxJobs: 5, protocol.ExitCrashed: 2}
		}, wantNotable: true, wantMoved: true},
	}
	example := func() *protocol.Status {
		s := busy("uid", 10)
		s.Workers = []protocol.Worker{{Slot: 0, State: protocol.WorkerIdle, PID: 7}, {Slot: 1, State: protocol.WorkerBusy, PID: 8, Job: &protocol.Job{ID: "1"}}}
		s.Counters.Exits = map[protocol.ExitReason]int64{protocol.ExitMaxJobs: 5, protocol.ExitCrashed: 1}
		s.RecentExits = []protocol.Exit{{Sequence: 6, Reason: protocol.ExitMaxJobs}, {Sequence: 5, Reason: protocol.ExitCrashed}}
		return s
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			next := example()
			tc.change(next)
			if got := notable(example(), next); got != tc.wantNotable {
				t.Errorf("notable = %v, want %v", got, tc.wantNotable)
			}
			if got := moved(example(), next); got != tc.wantMoved {
				t.Errorf("moved = %v, want %v", got, tc.wantMoved)
			}
		})
	}
	if !notable(nil, example()) {
		t.Error("the first report is not notable")
	}
	changed := example()
	changed.Runtime = &protocol.RuntimeFacts{Dialect: "json"}
	other := example()
	other.Runtime = &protocol.RuntimeFacts{Dialect: "json", GracefulStop: true}
	if !notable(changed, other) {
		t.Error("changed runtime facts are not notable")
	}
	found := example()
	found.Runtime = &protocol.RuntimeFacts{Dialect: "json", Findings: []protocol.Finding{{Kind: protocol.FindingLogs}}}
	if !notable(changed, found) {
		t.Error("new findings are not notable")
	}
}

func TestALimitIsExceededOnceForEachReason(t *testing.T) {
	limits := Limits{Memory: 100, Job: 48 * time.Second}
	report := func(pid int32, memory int64, age float64) *protocol.Status {
		worker := protocol.Worker{PID: pid, MemoryBytes: memory}
		if age > 0 {
			worker.Job = &protocol.Job{AgeSeconds: age}
		}
		return &protocol.Status{Workers: []protocol.Worker{worker}}
	}
	none := &protocol.Status{}
	tests := map[string]struct {
		limits     Limits
		prev, next *protocol.Status
		want       bool
	}{
		"below both":                    {limits, report(7, 50, 1), report(7, 100, 47), false},
		"memory passes":                 {limits, report(7, 100, 0), report(7, 101, 0), true},
		"memory was above":              {limits, report(7, 101, 0), report(7, 200, 0), false},
		"a job passes while memory was": {limits, report(7, 101, 47), report(7, 101, 48), true},
		"another process is above":      {limits, report(7, 101, 0), report(8, 101, 0), true},
		"a slot not seen before":        {limits, none, report(7, 101, 0), true},
		"nothing is watched":            {Limits{}, report(7, 0, 0), report(7, 1<<40, 1e6), false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tc.limits.exceeded(tc.prev, tc.next); got != tc.want {
				t.Errorf("exceeded is %t", got)
			}
		})
	}
}

func TestFailedJobsWakeEveryFewSecondsWhereTheyAreWatched(t *testing.T) {
	for _, watched := range []bool{true, false} {
		s := simulate(t)
		pods, agents := s.add(shop, 20, time.Millisecond)
		for i, a := range agents {
			var failed int64
			a.answer = func(time.Time) (*protocol.Status, string) {
				failed += 3
				status := busy(pods[i].UID, 0)
				status.Counters.Failed = failed
				return status, ""
			}
		}
		s.track(pods...)
		s.core.pool(s.now, shop).limits = Limits{Failures: watched}
		s.run(10 * time.Second)
		s.forgetWakes()
		s.run(time.Minute)
		least, most := 0, 3
		if watched {
			least, most = 11, 16 // every 5 s, and the wakes for ended jobs
		}
		if n := len(s.wakes); n < least || n > most {
			t.Errorf("watched: %t; %d wakes in a minute of failures, want %d to %d", watched, n, least, most)
		}
	}
}

func TestAnIdlePoolWakesOnceForItsFirstReports(t *testing.T) {
	s := simulate(t)
	pods, _ := s.add(shop, 20, 20*time.Millisecond)
	s.track(pods...)
	s.run(time.Second)
	if len(s.wakes) == 0 {
		t.Fatal("no wake for the first reports")
	}
	s.forgetWakes()
	s.run(10 * time.Minute)
	if len(s.wakes) != 0 {
		t.Errorf("an idle pool woke %d times: %v", len(s.wakes), s.wakes)
	}
}

func TestJobsWakeAtMostOnceAnIntervalAndTwiceAfterTheLast(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 4, time.Millisecond)
	working := true
	for i, a := range agents {
		var done int64
		a.answer = func(time.Time) (*protocol.Status, string) {
			if working {
				done += 3
			}
			return busy(pods[i].UID, done), ""
		}
	}
	s.track(pods...)
	s.run(100 * time.Millisecond)
	s.forgetWakes()
	s.run(10 * time.Minute)
	for i := 1; i < len(s.wakes); i++ {
		if gap := s.wakes[i].after - s.wakes[i-1].after; gap < time.Minute {
			t.Errorf("two wakes for jobs %s apart, want at least 1m", gap)
		}
	}
	if len(s.wakes) < 9 || len(s.wakes) > 11 {
		t.Errorf("%d wakes in 10 minutes of work, want one a minute", len(s.wakes))
	}

	working = false
	stopped := s.now.Sub(epoch)
	s.forgetWakes()
	s.run(20 * time.Minute)
	lag := s.core.lag()
	want := []time.Duration{time.Minute, time.Minute + lag, 5*time.Minute + lag}
	if len(s.wakes) > len(want) || len(s.wakes) < 2 {
		t.Fatalf("wakes after the last job: %v, want at most one for it and two for the rates", s.wakes)
	}
	for i, w := range s.wakes[len(s.wakes)-2:] {
		after := w.after - stopped
		if limit := want[i+1]; after > limit+time.Second || after < limit-7*time.Second {
			t.Errorf("wake %d came %s after the last job, want %s", i, after, limit)
		}
	}
}

func TestRatesAreZeroAtTheWakesAfterTheLastJob(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 1, time.Millisecond)
	var done int64
	agents[0].answer = func(time.Time) (*protocol.Status, string) { return busy(pods[0].UID, done), "" }
	s.track(pods...)
	s.run(12 * time.Second)
	done = 100
	s.run(7 * time.Second)
	sampled := s.now
	if got := compute(s); got.Ended == 0 {
		// The samples end some seconds ago; the job appears in them a little later.
		s.run(15 * time.Second)
	}
	if got := compute(s); got.Ended != 100 || got.JobsPerMinute == 0 {
		t.Fatalf("throughput shortly after 100 jobs = %+v", got)
	}
	s.run(time.Minute + s.core.lag() - s.now.Sub(sampled))
	if got := compute(s); got.JobsPerMinute != 0 || got.Ended != 100 {
		t.Errorf("at the wake after a minute throughput = %+v, want no rate and 100 jobs in 5 minutes", got)
	}
	s.run(4 * time.Minute)
	if got := compute(s); got.Ended != 0 {
		t.Errorf("at the wake after five minutes throughput = %+v, want nothing", got)
	}
}

func TestAPodWakesItsPoolWhenContactIsLostAndRegained(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 1, time.Millisecond)
	s.track(pods...)
	s.run(20 * time.Second)
	s.forgetWakes()

	good := agents[0].answer
	agents[0].answer, agents[0].pulls = silent, nil
	s.run(10 * time.Second)
	report := s.snapshot().Pods[pods[0].UID]
	if len(s.wakes) != 0 || report.Unreachable {
		t.Errorf("after %d failures: wakes %v, unreachable %v, want none before the third", len(agents[0].pulls), s.wakes, report.Unreachable)
	}
	if report.Error != "No answer." || !report.FailingSince.Equal(agents[0].pulls[0].Add(time.Millisecond)) || report.Status == nil {
		t.Errorf("report = %+v, want the error, since the first failure, and the last good status", report)
	}
	s.run(2 * time.Minute)
	if len(s.wakes) != 1 || !s.snapshot().Pods[pods[0].UID].Unreachable {
		t.Errorf("wakes %v, want one when the third pull in a row had failed", s.wakes)
	}
	s.forgetWakes()
	agents[0].answer = good
	s.run(40 * time.Second)
	report = s.snapshot().Pods[pods[0].UID]
	if len(s.wakes) != 1 || report.Unreachable || report.Error != "" || !report.FailingSince.IsZero() {
		t.Errorf("wakes %v, report %+v, want one wake and no error once it answers again", s.wakes, report)
	}
}

func TestFailuresWithinOneNudgeDoNotMakeAPodUnreachable(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 1, time.Millisecond)
	s.track(pods...)
	s.run(20 * time.Second)
	agents[0].answer = silent
	s.core.nudge(s.now, shop)
	s.run(3 * time.Second)
	if got := s.snapshot().Pods[pods[0].UID]; got.Unreachable || got.Error == "" {
		t.Errorf("after 3 s of failures: %+v, want an error that does not yet count as unreachable", got)
	}
}

func TestWakesOfOnePoolThatWaitAreOne(t *testing.T) {
	q := wakeQueue{held: map[types.NamespacedName]struct{}{}}
	other := types.NamespacedName{Namespace: "shop", Name: "reports"}
	for range 1000 {
		q.push(shop)
	}
	q.push(other)
	q.push(shop)
	var got []types.NamespacedName
	for pool, ok := q.pop(); ok; pool, ok = q.pop() {
		got = append(got, pool)
	}
	if diff := cmp.Diff([]types.NamespacedName{shop, other}, got); diff != "" {
		t.Errorf("wakes (-want +got):\n%s", diff)
	}
	q.push(shop)
	if _, ok := q.pop(); !ok {
		t.Error("a pool that was woken once cannot be woken again")
	}
}
