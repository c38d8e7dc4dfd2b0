// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/api/protocol"
)

func kill(revision int64, pool, own string) ControlRead {
	return ControlRead{Document: &protocol.Control{Revision: revision, KillToken: pool, PodKillToken: own}}
}

func TestAKillTokenKillsOncePerValue(t *testing.T) {
	type read struct {
		event ControlRead
		kills bool
	}
	tests := map[string][]read{
		"the first document is the baseline": {{kill(1, "a", "b"), false}},
		"another value of the pool's":        {{kill(1, "a", ""), false}, {kill(2, "b", ""), true}},
		"a value where there was none":       {{kill(1, "", ""), false}, {kill(2, "a", ""), true}},
		"the pod's own":                      {{kill(1, "a", ""), false}, {kill(2, "a", "x"), true}},
		"the same value again":               {{kill(1, "a", ""), false}, {kill(2, "a", ""), false}},
		"none says nothing":                  {{kill(1, "a", ""), false}, {kill(2, "", ""), false}, {kill(3, "a", ""), false}},
		"both at once kill once":             {{kill(1, "", ""), false}, {kill(2, "a", "x"), true}},
	}
	for name, reads := range tests {
		t.Run(name, func(t *testing.T) {
			s := begin(t, Settings{}, laravelFacts)
			for i, read := range reads {
				pid := s.pid - 1
				kills := 0
				for _, action := range s.hear(read.event) {
					if action, ok := action.(Kill); ok && action.PID == pid {
						kills++
					}
				}
				if killed := kills == 1; killed != read.kills || kills > 1 {
					t.Fatalf("document %d: %d kills, want one: %t", i, kills, read.kills)
				}
			}
		})
	}
}

func TestAKilledProcessHasASuccessorAndItsJobIsNamed(t *testing.T) {
	tests := map[string]struct {
		before    func(s *story)
		successor bool
	}{
		"of a running pool":    {func(*story) {}, true},
		"of one that pauses":   {func(s *story) { s.hear(ControlRead{Document: &protocol.Control{Revision: 2, Paused: true}}) }, false},
		"of one that ends":     {func(s *story) { s.hear(Terminate{}) }, false},
		"that retires already": {func(s *story) { s.hear(ControlRead{Document: &protocol.Control{Revision: 2, RestartToken: "x"}}) }, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := begin(t, Settings{Grace: time.Hour}, laravelFacts)
			s.hear(run(1))
			s.after(time.Second).hear(Printed{PID: 100, Tally: dialect.Tally{
				Started: 1, OpenCount: 1, Open: &dialect.Job{ID: "42", Class: `App\Jobs\Send`, Since: s.now},
			}})
			tc.before(s)
			document := *s.state.Control
			document.Revision, document.KillToken = 3, "now"
			s.after(time.Second).hear(ControlRead{Document: &document})
			if killed := s.state.Slots[0].Process.Killed; killed != protocol.ExitKilledOnRequest {
				t.Fatalf("the process was killed for %q", killed)
			}
			s.hear(Exited{PID: 100, Code: 137, Signal: int(syscall.SIGKILL)})
			exit := s.state.RecentExits[0]
			if exit.Reason != protocol.ExitKilledOnRequest || s.state.Trouble != "" {
				t.Errorf("the end is %+v, trouble %q", exit, s.state.Trouble)
			}
			want := []protocol.KilledJob{{Sequence: 1, Class: `App\Jobs\Send`, ID: "42"}}
			if diff := cmp.Diff(want, []protocol.KilledJob{s.state.KilledJobs[0].KilledJob}); diff != "" {
				t.Errorf("the killed jobs differ (-want +got):\n%s", diff)
			}
			if got := s.state.Slots[0].Running(); got != tc.successor {
				t.Errorf("a successor runs: %t, want %t", got, tc.successor)
			}
		})
	}
}

func TestKilledJobsAreBounded(t *testing.T) {
	s := begin(t, Settings{}, laravelFacts)
	s.hear(run(1))
	for i := range int64(protocol.MaxKilledJobs + 5) {
		pid := s.pid - 1
		s.hear(working(pid, s.now))
		s.hear(kill(2+i, string(rune('A'+i)), ""))
		s.hear(Exited{PID: pid, Code: 137, Signal: int(syscall.SIGKILL)})
	}
	if n := len(s.state.KilledJobs); n != protocol.MaxKilledJobs {
		t.Errorf("%d killed jobs are remembered, want %d", n, protocol.MaxKilledJobs)
	}
	if newest := s.state.KilledJobs[0].Sequence; newest != protocol.MaxKilledJobs+5 {
		t.Errorf("the newest is that of exit %d", newest)
	}
}
