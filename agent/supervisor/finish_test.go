// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
)

func finish(revision int64, name string) ControlRead {
	return ControlRead{Document: &protocol.Control{Revision: revision, Finish: name}}
}

func (s *story) expectEnd(what string, interrupted bool) {
	s.t.Helper()
	if len(s.actions) != 1 || s.actions[0] != (Finish{}) || s.state.Interrupted() != interrupted {
		s.t.Fatalf("%s: actions %v, interrupted %t, want the end and %t", what, s.actions, s.state.Interrupted(), interrupted)
	}
}

func TestAFinishedRunEndsThePodAfterItsJobs(t *testing.T) {
	s := begin(t, Settings{Run: "a", Processes: 2}, laravelFacts)
	s.hear(run(1))
	s.hear(working(100, s.now))
	s.after(time.Minute).hear(finish(2, "a"))
	s.expect("told to finish", Term{Slot: 0, PID: 100}, Term{Slot: 1, PID: 101})
	if s.state.Phase() != protocol.PhaseFinishing || !s.state.Ready() || s.state.Wanted() != 0 {
		t.Errorf("phase %s, ready %t, wants %d", s.state.Phase(), s.state.Ready(), s.state.Wanted())
	}
	s.hear(Exited{Slot: 1, PID: 101})
	s.expect("the idle process has ended")
	s.hear(run(3))
	s.expect("told otherwise: it cannot be taken back")
	s.hear(jobs(100, 0))
	s.after(time.Second).hear(Exited{Slot: 0, PID: 100})
	s.expectEnd("the last process has ended", false)
	if n := s.state.Counters.Exits[protocol.ExitFinished]; n != 2 {
		t.Errorf("%d processes ended because the run is over, want 2", n)
	}
}

func TestWhatAPodMakesOfFinish(t *testing.T) {
	tests := map[string]struct {
		settings    Settings
		events      []Event
		ends        bool
		interrupted bool
	}{
		"its own run, from the beginning":  {Settings{Run: "a"}, []Event{finish(1, "a")}, true, false},
		"another run":                      {Settings{Run: "b"}, []Event{finish(1, "a")}, false, true},
		"no run at all":                    {Settings{}, []Event{finish(1, "a")}, false, false},
		"a document without one":           {Settings{}, []Event{run(1)}, false, false},
		"terminated before":                {Settings{Run: "a"}, []Event{Terminate{}}, true, true},
		"terminated and finished":          {Settings{Run: "a"}, []Event{finish(1, "a"), Terminate{}}, true, false},
		"terminated, of a pool that works": {Settings{}, []Event{Terminate{}}, true, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := begin(t, tc.settings, laravelFacts)
			ended := false
			for _, event := range tc.events {
				for _, action := range s.hear(event) {
					if _, is := action.(Finish); is {
						ended = true
					}
				}
			}
			if ended != tc.ends || s.state.Interrupted() != tc.interrupted {
				t.Errorf("ended %t, interrupted %t, want %t, %t", ended, s.state.Interrupted(), tc.ends, tc.interrupted)
			}
		})
	}
}

func TestAPodWithoutMeasurementEndsWhenEveryProcessFoundItsQueuesEmpty(t *testing.T) {
	s := begin(t, Settings{Run: "a", StopWhenEmpty: true, Processes: 2, MaxJobs: 10}, laravelFacts)
	s.hear(run(1))
	s.after(time.Second).hear(Exited{Slot: 0, PID: 100})
	s.expect("an end without a job: the queues are empty")

	s.hear(Printed{Slot: 1, PID: 101, Tally: jobs(101, 10).Tally})
	s.hear(Exited{Slot: 1, PID: 101})
	s.expect("an end after maxJobs jobs: its successor goes on", Start{Slot: 1})
	s.hear(Printed{Slot: 1, PID: 102, Tally: jobs(102, 3).Tally})
	s.hear(Exited{Slot: 1, PID: 102, Code: 255})
	s.expect("a crash")
	s.after(time.Second).hear(Tick{})
	s.expect("its successor goes on too", Start{Slot: 1})
	s.hear(Printed{Slot: 1, PID: 103, Tally: jobs(103, 3).Tally})
	s.hear(Exited{Slot: 1, PID: 103})
	s.expect("an end after some jobs: another makes sure", Start{Slot: 1})
	if !s.state.Interrupted() {
		t.Error("to be ended now would be no interruption")
	}
	s.after(time.Second).hear(Exited{Slot: 1, PID: 104})
	s.expectEnd("both have found the queues empty", false)
	if exits := s.state.Counters.Exits; exits[protocol.ExitFinished] != 3 || exits[protocol.ExitMaxJobs] != 1 || exits[protocol.ExitCrashed] != 1 {
		t.Errorf("exits %v", exits)
	}
}
