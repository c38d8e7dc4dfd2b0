// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
)

func TestAPodThatIsRecycledIsDueAtTheLimitAndRestartsItsProcessAtTwice(t *testing.T) {
	recycled := Settings{RecyclePod: true, MaxJobs: 10, MaxTime: time.Hour}
	type moment struct {
		act  func(s *story)
		due  bool
		asks protocol.ExitReason
	}
	done := func(n int64) func(*story) { return func(s *story) { s.hear(jobs(100, n)) } }
	pass := func(d time.Duration) func(*story) { return func(s *story) { s.after(d).hear(Tick{}) } }
	tests := map[string][]moment{
		"jobs":         {{done(9), false, ""}, {done(1), true, ""}, {done(9), true, ""}, {done(1), true, protocol.ExitMaxJobs}},
		"time":         {{pass(59 * time.Minute), false, ""}, {pass(time.Minute), true, ""}, {pass(59 * time.Minute), true, ""}, {pass(time.Minute), true, protocol.ExitMaxTime}},
		"jobs or time": {{done(3), false, ""}, {pass(time.Hour), true, ""}, {done(17), true, protocol.ExitMaxJobs}},
	}
	for name, moments := range tests {
		t.Run(name, func(t *testing.T) {
			s := begin(t, recycled, laravelFacts)
			s.hear(run(1))
			s.expect("the worker is told of no limit", Start{})
			for i, m := range moments {
				m.act(s)
				if due, asked := s.state.Slots[0].RecycleDue, s.state.Slots[0].Process.Retiring; due != m.due || asked != m.asks {
					t.Fatalf("moment %d: due %t, asked to end for %q; want %t and %q", i, due, asked, m.due, m.asks)
				}
			}
			s.hear(Exited{PID: 100})
			if s.state.Slots[0].RecycleDue || !s.state.Slots[0].Running() {
				t.Errorf("its successor: %+v", s.state.Slots[0])
			}
		})
	}
}

func TestACordonedPodStaysDue(t *testing.T) {
	s := begin(t, Settings{RecyclePod: true, MaxJobs: 10}, laravelFacts)
	s.hear(run(1))
	s.hear(jobs(100, 10))
	s.hear(ControlRead{Document: &protocol.Control{Revision: 2, Cordoned: true}})
	s.hear(Exited{PID: 100})
	if slot := s.state.Slots[0]; slot.Running() || !slot.RecycleDue {
		t.Errorf("the slot is %+v, want an empty one that is due", slot)
	}
	s.hear(run(3))
	if slot := s.state.Slots[0]; !slot.Running() || slot.RecycleDue {
		t.Errorf("taken back it is %+v, want a process that is not due", slot)
	}
}

func TestTheAgentWakesWhenAPodIsDue(t *testing.T) {
	s := begin(t, Settings{RecyclePod: true, MaxTime: time.Hour}, laravelFacts)
	s.hear(run(1))
	s.after(3 * time.Second).hear(Tick{})
	for i, want := range []time.Duration{time.Hour, 2 * time.Hour} {
		at, ok := s.state.Wake()
		if got := at.Sub(time.Unix(1000, 0)); !ok || got != want {
			t.Fatalf("wake %d is after %s, want %s", i, got, want)
		}
		s.now = at
		s.hear(Tick{})
	}
}
