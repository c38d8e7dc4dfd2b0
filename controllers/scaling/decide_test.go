// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import (
	"testing"
	"time"
)

// usual returns a pool of one-second jobs that has been observed for a while and is idle.
func usual(change func(*Input)) Input {
	in := Input{
		Now:            began,
		Spec:           Spec{Max: 100, TargetWait: time.Minute, ScaleDownWindow: 2 * time.Minute},
		Backlog:        &Backlog{MeasuredAt: began},
		AgentsReadable: true, StartLatency: 15 * time.Second,
		Memory: Memory{Since: began.Add(-time.Hour), RateSince: began.Add(-time.Hour), Attempts: 100, Seconds: 100, Measured: Measurement{At: began.Add(-Tick)}},
	}
	change(&in)
	return in
}

func TestDecide(t *testing.T) {
	tests := map[string]struct {
		in      Input
		want    int32
		reason  Reason
		limit   Limit
		recheck time.Duration
		message string
	}{
		"600 jobs at once, from zero in one step": {
			usual(func(in *Input) { in.Backlog.Ready = 600 }), 18, ReasonDemand, LimitNone, Tick,
			"18 processes: 2.9 jobs a minute arrive and take 1.00s each, which keeps less than 0.1 processes busy, and the waiting jobs (600) must begin within 48.0s.",
		},
		"up to the maximum": {
			usual(func(in *Input) { in.Backlog.Ready, in.Spec.Max = 600, 10 }), 10, ReasonDemand, LimitMaximum, Tick,
			"10 processes: 2.9 jobs a minute arrive and take 1.00s each, which keeps less than 0.1 processes busy, and the waiting jobs (600) must begin within 48.0s; that needs 18, but spec.autoscaling.maxProcesses is 10.",
		},
		"no more processes than jobs": {
			usual(func(in *Input) { in.Backlog.Ready, in.Memory.Seconds = 3, 60000 }), 4, ReasonDemand, LimitJobs, Tick, "",
		},
		"nothing to do": {
			usual(func(*Input) {}), 0, ReasonNothingToDo, LimitNone, 0,
			"0 processes: no job waits, none is due soon, and none is being worked on.",
		},
		"nothing to do, with a minimum": {
			usual(func(in *Input) { in.Spec.Min, in.Current = 2, 2 }), 2, ReasonNothingToDo, LimitMinimum, 0,
			"2 processes: no job waits, none is due soon, and none is being worked on; spec.autoscaling.minProcesses is 2.",
		},
		"a delayed job is far away": {
			usual(func(in *Input) { in.Backlog.Delayed, in.Backlog.NextDue = 1, new(2*time.Minute) }),
			0, ReasonNothingToDo, LimitNone, 105 * time.Second, "",
		},
		"a delayed job is due when a pod is ready": {
			usual(func(in *Input) { in.Backlog.Delayed, in.Backlog.NextDue = 1, new(15*time.Second) }),
			1, ReasonDelayedJobs, LimitNone, Tick, "",
		},
		"a smaller size waits for the window": {
			usual(func(in *Input) {
				in.Current, in.Memory.Asked = 8, []Asked{{At: began.Add(-time.Minute), Processes: 8}}
			}), 8, ReasonScaleDownPending, LimitWindow, time.Minute + time.Millisecond,
			"8 processes: 0 would be enough; the pool shrinks once fewer have been enough for 2m00s.",
		},
		"after the window": {
			usual(func(in *Input) {
				in.Current, in.Memory.Asked = 8, []Asked{{At: began.Add(-121 * time.Second), Processes: 8}}
			}), 0, ReasonNothingToDo, LimitNone, 0, "",
		},
		"by the step": {
			usual(func(in *Input) { in.Current, in.Spec.ScaleDownStep = 8, 3 }), 5, ReasonScaleDownPending, LimitStep, Tick, "",
		},
		"a step is no less than a pod": {
			usual(func(in *Input) { in.Current, in.Spec.ScaleDownStep, in.Spec.ProcessesPerPod = 8, 1, 4 }),
			4, ReasonScaleDownPending, LimitStep, Tick, "",
		},
		"not so soon after a restart": {
			usual(func(in *Input) { in.Current, in.Memory = 8, Memory{} }), 8, ReasonScaleDownPending, LimitWindow, 2*time.Minute + time.Millisecond, "",
		},
		"after a restart with the remembered service time": {
			usual(func(in *Input) {
				in.Memory, in.Remembered.ServiceTime, in.Backlog.Ready = Memory{}, 4*time.Second, 600
			}), 72, ReasonDemand, LimitNone, Tick, "",
		},
		"a backlog that cannot be read": {
			usual(func(in *Input) { in.Current, in.Backlog = 8, nil }), 8, ReasonBacklogUnknown, LimitNone, Tick,
			"8 processes: the backlog is unknown, so the size stays.",
		},
		"a backlog of long ago": {
			usual(func(in *Input) { in.Current, in.Backlog.MeasuredAt = 8, began.Add(-2*time.Minute) }),
			8, ReasonBacklogUnknown, LimitNone, Tick, "",
		},
		"agents that cannot be read, jobs reserved": {
			usual(func(in *Input) { in.Current, in.AgentsReadable, in.Backlog.Reserved = 8, false, 1 }),
			8, ReasonAgentsUnreadable, LimitNone, Tick, "",
		},
		"agents that cannot be read, nothing anywhere": {
			usual(func(in *Input) { in.Current, in.AgentsReadable = 8, false }), 0, ReasonNothingToDo, LimitNone, 0, "",
		},
		"agents that cannot be read, a backlog": {
			usual(func(in *Input) { in.Current, in.AgentsReadable, in.Backlog.Ready = 8, false, 600 }), 15, ReasonDemand, LimitNone, Tick, "",
		},
		"paused": {
			usual(func(in *Input) { in.Current, in.Paused, in.Backlog.Ready = 3, true, 600 }), 3, ReasonPaused, LimitNone, 0,
			"3 processes: the pool is paused, so its size stays.",
		},
		"stopped and paused": {
			usual(func(in *Input) { in.Current, in.Paused, in.Stopped = 3, true, true }), 0, ReasonStopped, LimitNone, 0, "",
		},
		"long jobs keep their processes": {
			usual(func(in *Input) {
				in.Current, in.Busy, in.Backlog.Reserved, in.Memory.Seconds = 8, 5, 5, 60000
				in.Memory.Measured.Inside = 5
			}), 5, ReasonDemand, LimitNone, Tick, "",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := Decide(tc.in)
			if got.Processes != tc.want || got.Reason != tc.reason || got.LimitedBy != tc.limit || got.Recheck != tc.recheck {
				t.Errorf("got %d, %s, limited by %q, recheck %v; want %d, %s, %q, %v (%s)",
					got.Processes, got.Reason, got.LimitedBy, got.Recheck, tc.want, tc.reason, tc.limit, tc.recheck, got.Message)
			}
			if tc.message != "" && got.Message != tc.message {
				t.Errorf("says %q, want %q", got.Message, tc.message)
			}
		})
	}
}

// TestRemovedJobs: after a user empties a queue by hand, the pool does not believe for long
// that nothing arrives.
func TestRemovedJobs(t *testing.T) {
	rate := 10.0
	rate = nextRate(rate, -100_000, 5, 3600)
	if rate < 5 {
		t.Errorf("one measurement of removed jobs leaves a rate of %.1f/s of 10", rate)
	}
}

// TestSteadyMessage: figures that move a little give the same sentence.
func TestSteadyMessage(t *testing.T) {
	in := usual(func(in *Input) { in.Current, in.Busy = 4, 3 })
	said := map[string]bool{}
	for i := range 120 {
		in.Now = in.Now.Add(Tick)
		in.Completed.Attempts += int64(15 + i%3 - 1)
		in.Completed.Seconds += 15
		in.Backlog = &Backlog{MeasuredAt: in.Now, Reserved: 3}
		d := Decide(in)
		in.Memory, in.Current = d.Memory, d.Processes
		if i > 60 {
			said[d.Message] = true
		}
	}
	if len(said) != 1 {
		t.Errorf("%d sentences in a steady state: %v", len(said), said)
	}
}

// TestARestartChangesNothing: an operator that takes over a pool at rest, with nothing but
// its status, comes to the same decision in the same words.
func TestARestartChangesNothing(t *testing.T) {
	tests := map[string]Spec{
		"a minimum that is part of a pod": {Min: 1, Max: 10, ProcessesPerPod: 2, ScaleDownWindow: time.Minute},
		"nothing at all":                  {Max: 10, ScaleDownWindow: time.Minute},
		"jobs after which workers rest":   {Min: 1, Max: 10, Rest: time.Hour, ExpectedJob: 3 * time.Second},
	}
	for name, spec := range tests {
		t.Run(name, func(t *testing.T) {
			in := Input{Now: time.Unix(1_800_000_000, 0), Spec: spec, Backlog: &Backlog{}, AgentsReadable: true}
			var before Decision
			for range 100 {
				in.Now = in.Now.Add(Tick)
				in.Backlog.MeasuredAt = in.Now
				before = Decide(in)
				in.Current, in.Memory = before.Processes, before.Memory
			}
			in.Memory = Memory{}
			in.Remembered = Remembered{ServiceTime: before.ServiceTime.Round(time.Second), ArrivalRate: before.ArrivalRate}
			after := Decide(in)
			if after.Processes != before.Processes || after.Message != before.Message || after.LimitedBy != before.LimitedBy ||
				after.ServiceTime.Round(time.Minute) != before.ServiceTime.Round(time.Minute) {
				t.Errorf("before the restart:\n%d, %s, %q, %s\nafter it:\n%d, %s, %q, %s",
					before.Processes, before.ServiceTime, before.LimitedBy, before.Message,
					after.Processes, after.ServiceTime, after.LimitedBy, after.Message)
			}
		})
	}
}
