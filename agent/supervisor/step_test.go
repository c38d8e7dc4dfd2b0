// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/api/protocol"
)

// laravelFacts are the facts of a Laravel worker with pcntl.
var laravelFacts = Facts{Final: true, Signals: true, OwnTimeout: true, OwnMaxJobs: true, OwnMaxTime: true}

// laravelWorker is how a Laravel worker ends.
var laravelWorker = Worker{MemoryCode: 12, Insist: true, Unasked: "the application asked its workers to restart (queue:restart)"}

// story drives a state machine whose processes start at once.
type story struct {
	t       *testing.T
	state   State
	now     time.Time
	pid     int
	actions []Action
}

func begin(t *testing.T, settings Settings, facts Facts) *story {
	t.Helper()
	if settings.Processes == 0 {
		settings.Processes = 1
	}
	if settings.PodName == "" {
		settings.PodName = "pod"
	}
	s := &story{t: t, now: time.Unix(1000, 0), pid: 100}
	s.state = New(settings, facts, Past{}, s.now)
	s.hear(Begin{})
	return s
}

// hear steps and returns the actions. It answers a Start with the next process id.
func (s *story) hear(event Event) []Action {
	s.t.Helper()
	s.actions = nil
	for queue := []Event{event}; len(queue) > 0; queue = queue[1:] {
		var actions []Action
		s.state, actions = Step(s.state, queue[0], s.now)
		s.actions = append(s.actions, actions...)
		for _, action := range actions {
			if start, ok := action.(Start); ok {
				queue = append(queue, Started{Slot: start.Slot, PID: s.pid})
				s.pid++
			}
		}
	}
	return s.actions
}

func (s *story) after(d time.Duration) *story {
	s.now = s.now.Add(d)
	return s
}

func (s *story) expect(what string, want ...Action) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.actions); diff != "" {
		s.t.Fatalf("%s: actions differ (-want +got):\n%s", what, diff)
	}
}

func run(revision int64) ControlRead {
	return ControlRead{Document: &protocol.Control{Revision: revision}}
}

func jobs(pid int, n int64) Printed {
	return Printed{PID: pid, Tally: dialect.Tally{Started: n, Processed: n, Spent: time.Duration(n) * time.Millisecond}}
}

func working(pid int, since time.Time) Printed {
	return Printed{PID: pid, Tally: dialect.Tally{Started: 1, Open: &dialect.Job{Class: "A", Since: since}, OpenCount: 1}}
}

func TestNothingStartsBeforeControlWasRead(t *testing.T) {
	s := begin(t, Settings{}, laravelFacts)
	s.hear(Tick{})
	s.expect("without control")
	if s.state.Ready() {
		t.Error("ready without control")
	}
	s.hear(run(1))
	s.expect("with control", Start{})
	s.after(2 * time.Second).hear(Tick{})
	if !s.state.Ready() {
		t.Error("not ready though a process has lived 2 s")
	}
}

func TestTheWorkerIsAskedFirst(t *testing.T) {
	s := begin(t, Settings{}, Facts{})
	s.expect("at the beginning", Ask{})
	s.hear(run(1))
	s.expect("before the answer")
	s.hear(FactsLearned{Facts: laravelFacts})
	s.expect("after the answer", Start{})
}

func TestAnUnansweredQuestionIsAskedAgainAfterAnExit(t *testing.T) {
	s := begin(t, Settings{}, Facts{})
	s.hear(run(1))
	s.hear(FactsLearned{Facts: Facts{Signals: true, OwnTimeout: true}})
	s.expect("without an answer the worker is tried", Start{})
	s.hear(Exited{PID: 100, Code: 1})
	s.expect("after it failed", Ask{})
	s.after(time.Second).hear(Tick{})
	s.expect("while it is asked")
	s.hear(FactsLearned{Facts: laravelFacts})
	s.expect("after the answer", Start{})
}

func TestSettingsAreLookedAtBesideTheFirstProcess(t *testing.T) {
	facts := laravelFacts
	facts.Inspectable = true
	s := begin(t, Settings{}, facts)
	s.hear(run(1))
	s.expect("at the beginning", Start{})
	s.after(healthyAfter).hear(Tick{})
	s.expect("when the process has started well", Inspect{})
	s.after(time.Minute).hear(Tick{})
	s.expect("while they are looked at")
	s.hear(Inspected{Findings: []protocol.Finding{{Kind: "A"}}})
	s.expect("when nothing was found")
	s.hear(Exited{PID: 100})
	s.after(healthyAfter).hear(Tick{})
	s.expect("beside the next process", Inspect{})
	s.hear(Inspected{Findings: []protocol.Finding{{Kind: "B", OK: true}}, Complete: true})
	s.hear(Exited{PID: 101})
	s.after(healthyAfter).hear(Tick{})
	s.expect("once all is known")
	if found := s.state.Facts.Findings; len(found) != 1 || found[0].Kind != "B" {
		t.Errorf("found %+v", found)
	}
}

func TestSettingsAreLookedAtWhereNoProcessStarts(t *testing.T) {
	facts := laravelFacts
	facts.Inspectable = true
	s := begin(t, Settings{}, facts)
	s.hear(run(1))
	s.expect("at the beginning", Start{})
	s.hear(Exited{PID: 100, Code: 255})
	s.expect("when the process has crashed", Inspect{})
	s.hear(Inspected{Findings: []protocol.Finding{{Kind: "A"}}, Complete: true})
	s.after(time.Second).hear(Tick{})
	s.expect("after its wait", Start{})
	s.hear(Exited{PID: 101, Code: 255})
	s.expect("once all is known")
}

// A Laravel worker that lost SIGTERM during an exception continues with job after job, or
// waits for the next job.
func TestAWorkerThatDidNotHearIsAskedAgain(t *testing.T) {
	paused := ControlRead{Document: &protocol.Control{Revision: 2, Paused: true}}
	s := begin(t, Settings{Worker: laravelWorker}, laravelFacts)
	s.hear(run(1))
	s.hear(working(100, s.now))
	s.hear(paused)
	s.expect("when paused", Term{PID: 100})
	s.after(20 * time.Second).hear(Tick{})
	s.expect("while it has its job")
	does := func(n int64) {
		done := jobs(100, n)
		done.Tally.Last = dialect.Ending{Class: "A", At: s.now}
		s.hear(done)
	}
	does(1)
	s.expect("when it begins a job that was on its way")
	does(1)
	s.expect("when it begins another", Term{PID: 100})
	does(2)
	s.expect("at once after that")
	if at, ok := s.state.Wake(); !ok || !at.Equal(s.now.Add(5*time.Second)) {
		t.Errorf("it wakes at %s, want 5 s from now", at)
	}
	s.after(5 * time.Second).hear(Tick{})
	s.expect("when it waits for a job", Term{PID: 100})

	s = begin(t, Settings{}, laravelFacts)
	s.hear(run(1))
	s.hear(paused)
	s.expect("another program", Term{PID: 100})
	s.after(time.Hour).hear(jobs(100, 5))
	s.expect("is asked once only")
}

func TestFailuresInARowReplaceTheProcessAfterItsJob(t *testing.T) {
	s := begin(t, Settings{MaxExceptions: 3}, laravelFacts)
	s.hear(run(1))
	failed := func(pid int, row int64, open *dialect.Job) {
		tally := dialect.Tally{
			Started: 1, Failed: 1, FailuresInARow: row, Open: open,
			Failures: []dialect.Failure{{Class: "A", Exception: "E", At: s.now}},
		}
		if open != nil {
			tally.OpenCount = 1
		}
		s.hear(Printed{PID: pid, Tally: tally})
	}
	failed(100, 2, nil)
	s.expect("below the limit")
	failed(100, 3, &dialect.Job{Class: "B", Since: s.now})
	s.expect("at the limit the process is asked once to end after the job it has begun", Term{PID: 100})
	failed(100, 4, nil)
	s.expect("no second time")
	s.hear(Exited{PID: 100})
	s.expect("its successor starts at once", Start{})
	if exits := s.state.Counters.Exits; exits[protocol.ExitMaxExceptions] != 1 {
		t.Errorf("the exits are %v", exits)
	}
	failed(101, 1, nil)
	s.expect("a new process begins to count anew")
	if n := len(s.state.RecentFailures); n != 4 || s.state.RecentFailures[0].Exception != "E" {
		t.Errorf("remembered %+v", s.state.RecentFailures)
	}
}

func TestOnlyTheLastFailuresAreRemembered(t *testing.T) {
	s := begin(t, Settings{}, laravelFacts)
	s.hear(run(1))
	for _, ids := range []string{"abcdefg", "hijklmn"} {
		var failures []dialect.Failure
		for _, id := range ids {
			failures = append(failures, dialect.Failure{ID: string(id)})
		}
		s.hear(Printed{PID: 100, Tally: dialect.Tally{Started: 7, Failed: 7, Failures: failures}})
	}
	got := ""
	for _, failure := range s.state.RecentFailures {
		got += failure.ID
	}
	if got != "nmlkjihgfe" {
		t.Errorf("remembered %s, want the last ten, newest first", got)
	}
}

func TestAnIntendedEndIsFollowedAtOnce(t *testing.T) {
	s := begin(t, Settings{MaxJobs: 500}, laravelFacts)
	s.hear(run(1))
	s.hear(jobs(100, 500))
	s.after(10 * time.Millisecond).hear(Exited{PID: 100})
	s.expect("after 500 jobs", Start{})
	want := protocol.Counters{Processed: 500, JobMilliseconds: 500, Exits: map[protocol.ExitReason]int64{protocol.ExitMaxJobs: 1}}
	if diff := cmp.Diff(want, s.state.Counters); diff != "" {
		t.Errorf("counters differ (-want +got):\n%s", diff)
	}
}

func TestCrashesBackOffAndAFinishedJobEndsIt(t *testing.T) {
	s := begin(t, Settings{}, laravelFacts)
	s.hear(run(1))
	crash := func() time.Duration {
		pid := s.pid - 1
		s.hear(Exited{PID: pid, Code: 255})
		s.expect("after the crash")
		at, ok := s.state.Wake()
		if !ok {
			t.Fatal("nothing will start it again")
		}
		wait := at.Sub(s.now)
		s.after(wait).hear(Tick{})
		s.expect("after the wait", Start{})
		return wait
	}
	var waits []time.Duration
	for range 9 {
		waits = append(waits, crash()/time.Second)
	}
	if diff := cmp.Diff([]time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60}, waits); diff != "" {
		t.Errorf("waits in seconds differ (-want +got):\n%s", diff)
	}
	if s.state.Ready() {
		t.Error("ready though every process crashed at once")
	}
	s.hear(jobs(s.pid-1, 1))
	if got := crash(); got != time.Second {
		t.Errorf("waited %s after a finished job; want 1s", got)
	}
}

func TestEndingAtOnceWithoutAJobIsBackedOffWhateverTheCode(t *testing.T) {
	s := begin(t, Settings{}, laravelFacts)
	s.hear(run(1))
	s.after(100 * time.Millisecond).hear(Exited{PID: 100})
	s.expect("after exit code 0 in 100 ms")
	if got := s.state.Slots[0].LastExit.Reason; got != protocol.ExitRestartRequested {
		t.Errorf("the reason is %s", got)
	}
}

func TestPauseRetiresOnceAndResumeStartsAfterTheEnd(t *testing.T) {
	s := begin(t, Settings{}, laravelFacts)
	s.hear(run(1))
	s.hear(working(100, s.now))
	pause := ControlRead{Document: &protocol.Control{Revision: 2, Paused: true}}
	s.hear(pause)
	s.expect("when paused", Term{PID: 100})
	s.after(time.Hour).hear(pause)
	s.expect("however long the job takes")
	s.hear(run(3))
	s.expect("resumed before the job has ended")
	s.hear(Exited{PID: 100})
	s.expect("after the end", Start{})
	if got := s.state.Slots[0].LastExit.Reason; got != protocol.ExitPaused {
		t.Errorf("the reason is %s", got)
	}
	if s.state.Counters.Released != 1 {
		t.Errorf("%d attempts count as released; the open one ended with exit code 0", s.state.Counters.Released)
	}
}

func cordoned(revision int64) ControlRead {
	return ControlRead{Document: &protocol.Control{Revision: revision, Cordoned: true}}
}

func TestACordonLetsTheJobFinishAndCanBeTakenBack(t *testing.T) {
	s := begin(t, Settings{Processes: 2}, laravelFacts)
	s.hear(run(1))
	s.after(2 * time.Second).hear(Tick{})
	s.hear(working(100, s.now))
	s.hear(cordoned(2))
	s.expect("when cordoned", Term{Slot: 0, PID: 100}, Term{Slot: 1, PID: 101})
	s.hear(Exited{Slot: 1, PID: 101})
	s.expect("the idle one has ended")
	s.after(time.Hour).hear(Tick{})
	s.expect("however long the job takes")
	s.hear(Printed{PID: 100, Tally: dialect.Tally{Processed: 1}})
	s.hear(Exited{PID: 100})
	s.expect("the busy one has ended")
	if !s.state.Ready() || s.state.Phase() != protocol.PhaseCordoned || s.state.Left() != 0 {
		t.Errorf("drained, the pod is %s, ready: %t, with %d processes", s.state.Phase(), s.state.Ready(), s.state.Left())
	}
	want := protocol.Counters{Processed: 1, Exits: map[protocol.ExitReason]int64{protocol.ExitDrained: 2}}
	if diff := cmp.Diff(want, s.state.Counters); diff != "" {
		t.Errorf("counters differ (-want +got):\n%s", diff)
	}
	s.hear(run(3))
	s.expect("un-cordoned", Start{Slot: 0}, Start{Slot: 1})
}

func TestACordonTakenBackEarlyIsForgotten(t *testing.T) {
	s := begin(t, Settings{}, Facts{Final: true, LifeLimit: 30 * time.Second, OwnMaxTime: true, OwnMaxJobs: true})
	s.hear(run(1))
	s.hear(cordoned(2))
	s.expect("a worker that cannot be signalled", []Action(nil)...)
	s.hear(run(3))
	if got := s.state.Slots[0].Process.Retiring; got != "" {
		t.Errorf("un-cordoned in time, it is still retiring: %s", got)
	}
	s.hear(cordoned(4))
	s.hear(Terminate{})
	s.hear(run(5))
	if got := s.state.Slots[0].Process.Retiring; got != protocol.ExitDrained {
		t.Errorf("un-cordoned while the pod ends, it is retiring for %q", got)
	}
}

func TestPhases(t *testing.T) {
	tests := map[string]struct {
		document  *protocol.Control
		terminate bool
		want      protocol.Phase
		exit      protocol.ExitReason // of an earlier process
	}{
		"nothing said":                         {document: &protocol.Control{}, want: protocol.PhaseRunning},
		"paused":                               {document: &protocol.Control{Paused: true}, want: protocol.PhasePaused, exit: protocol.ExitPaused},
		"cordoned":                             {document: &protocol.Control{Cordoned: true}, want: protocol.PhaseCordoned, exit: protocol.ExitDrained},
		"cordoned wins over paused":            {document: &protocol.Control{Cordoned: true, Paused: true}, want: protocol.PhaseCordoned, exit: protocol.ExitDrained},
		"terminating wins over paused":         {document: &protocol.Control{Paused: true}, terminate: true, want: protocol.PhaseTerminating, exit: protocol.ExitDrained},
		"terminating wins over being cordoned": {document: &protocol.Control{Cordoned: true, Paused: true}, terminate: true, want: protocol.PhaseTerminating, exit: protocol.ExitDrained},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := begin(t, Settings{}, laravelFacts)
			s.hear(run(1))
			if tc.terminate {
				s.hear(Terminate{})
			}
			tc.document.Revision = 2
			s.hear(ControlRead{Document: tc.document})
			if got := s.state.Phase(); got != tc.want {
				t.Errorf("the phase is %s; want %s", got, tc.want)
			}
			if got := s.state.Slots[0].Process.Retiring; got != tc.exit {
				t.Errorf("the process is retired for %q; want %q", got, tc.exit)
			}
		})
	}
}

// TestACordonDoesNotChangeReadiness matters because pods would otherwise swap places in
// the order in which a ReplicaSet removes them.
func TestACordonDoesNotChangeReadiness(t *testing.T) {
	tests := map[string]struct {
		before func(*story)
		paused bool
	}{
		"a process lives":    {before: func(s *story) { s.after(2 * time.Second).hear(Tick{}) }},
		"none has lived yet": {before: func(*story) {}},
		"all crash":          {before: func(s *story) { s.hear(Exited{PID: 100, Code: 255}) }},
		"paused":             {before: func(s *story) { s.hear(Exited{PID: 100, Code: 255}) }, paused: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := begin(t, Settings{}, laravelFacts)
			s.hear(run(1))
			tc.before(s)
			s.hear(ControlRead{Document: &protocol.Control{Revision: 2, Paused: tc.paused}})
			before := s.state.Ready()
			s.hear(ControlRead{Document: &protocol.Control{Revision: 3, Paused: tc.paused, Cordoned: true}})
			if s.state.Ready() != before {
				t.Errorf("ready: %t, and %t when cordoned", before, s.state.Ready())
			}
			if s.state.Slots[0].Running() {
				s.hear(Exited{PID: 100})
			}
			if s.state.Ready() != before {
				t.Errorf("ready: %t, and %t when drained", before, s.state.Ready())
			}
		})
	}
}

func TestWithoutPcntlNothingIsSignalled(t *testing.T) {
	facts := Facts{Final: true, LifeLimit: 30 * time.Second, OwnMaxTime: true, OwnMaxJobs: true}
	s := begin(t, Settings{Timeout: 10 * time.Second}, facts)
	s.hear(run(1))
	s.expect("started with a life of 30 s", Start{MaxTime: 30 * time.Second})
	s.hear(ControlRead{Document: &protocol.Control{Revision: 2, Paused: true}})
	s.expect("when paused")
	s.hear(run(3))
	if got := s.state.Slots[0].Process.Retiring; got != "" {
		t.Errorf("resumed in time, it is still retiring: %s", got)
	}
	s.hear(working(100, s.now))
	s.after(9 * time.Second).hear(Tick{})
	s.expect("before the timeout")
	if at, _ := s.state.Wake(); !at.Equal(s.now.Add(time.Second)) {
		t.Errorf("wakes at %s", at)
	}
	s.after(time.Second).hear(Tick{})
	s.expect("the agent keeps the timeout", Kill{PID: 100})
	s.after(time.Millisecond).hear(Exited{PID: 100, Code: 137, Signal: 9})
	if got := s.state.Slots[0].LastExit; got.Reason != protocol.ExitJobTimeout || got.JobClass != "A" {
		t.Errorf("the exit is %+v", got.Exit)
	}
}

func TestTheAgentKeepsTheLimitsTheWorkerHasNot(t *testing.T) {
	s := begin(t, Settings{MaxJobs: 2, MaxTime: time.Minute, RetireBytes: 1 << 20}, Facts{Final: true, Signals: true})
	s.hear(run(1))
	s.hear(jobs(100, 1))
	s.expect("after one job")
	s.hear(working(100, s.now))
	s.expect("when its last job has begun", Term{PID: 100})
	s.hear(Exited{PID: 100})
	s.expect("its successor", Start{MaxTime: time.Minute})
	s.after(time.Minute).hear(Tick{})
	s.expect("after maxTime", Term{PID: 101})
	s.hear(Exited{PID: 101})
	s.hear(Measured{PID: 102, Memory: 2 << 20})
	s.expect("with too much memory", Term{PID: 102})
	s.hear(Exited{PID: 102})
	want := map[protocol.ExitReason]int64{protocol.ExitMaxJobs: 1, protocol.ExitMaxTime: 1, protocol.ExitMemory: 1}
	if diff := cmp.Diff(want, s.state.Counters.Exits); diff != "" {
		t.Errorf("exits differ (-want +got):\n%s", diff)
	}
}

func TestTokensActOnceAndTheFirstDocumentIsTheBaseline(t *testing.T) {
	tests := map[string]struct {
		documents []protocol.Control
		want      int // number of restarts
	}{
		"the first document's token":         {documents: []protocol.Control{{RestartToken: "a"}, {RestartToken: "a"}}},
		"none, then a token":                 {documents: []protocol.Control{{}, {RestartToken: "a"}}, want: 1},
		"a token, then another":              {documents: []protocol.Control{{RestartToken: "a"}, {RestartToken: "b"}, {RestartToken: "b"}}, want: 1},
		"an empty one between":               {documents: []protocol.Control{{RestartToken: "a"}, {}, {RestartToken: "a"}}},
		"the pod's own":                      {documents: []protocol.Control{{}, {PodRestartToken: "x"}, {PodRestartToken: "x"}, {PodRestartToken: "y"}}, want: 2},
		"both at once restart once":          {documents: []protocol.Control{{}, {RestartToken: "a", PodRestartToken: "x"}}, want: 1},
		"a token while paused is not stored": {documents: []protocol.Control{{}, {Paused: true, RestartToken: "a"}, {RestartToken: "a"}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := begin(t, Settings{}, laravelFacts)
			for i := range tc.documents {
				tc.documents[i].Revision = int64(i + 1)
				s.after(10 * time.Second).hear(ControlRead{Document: &tc.documents[i]})
				s.after(time.Second).hear(Tick{})
				if p := s.state.Slots[0].Process; p.Retiring != "" {
					s.hear(Exited{PID: p.PID})
				}
			}
			if got := s.state.Counters.Exits[protocol.ExitRestartRequested]; got != int64(tc.want) {
				t.Errorf("restarted %d times; want %d", got, tc.want)
			}
		})
	}
}

func TestARestartOfThePoolIsSpreadByThePodsName(t *testing.T) {
	delays := map[time.Duration]bool{}
	for _, pod := range []string{"emails-worker-7d9f-abcde", "emails-worker-7d9f-fghij", "emails-worker-7d9f-klmno", "emails-worker-7d9f-pqrst"} {
		s := begin(t, Settings{PodName: pod, Processes: 2}, laravelFacts)
		s.hear(run(1))
		s.after(time.Minute).hear(ControlRead{Document: &protocol.Control{Revision: 2, RestartToken: "a", RestartSpreadSeconds: 30}})
		at, ok := s.state.Wake()
		delay := at.Sub(s.now)
		if !ok || delay < 0 || delay >= 30*time.Second {
			t.Fatalf("%s restarts after %s", pod, delay)
		}
		delays[delay] = true
		s.after(delay).hear(Tick{})
		s.expect(pod, Term{Slot: 0, PID: 100}, Term{Slot: 1, PID: 101})
	}
	if len(delays) != 4 {
		t.Errorf("four pods restart at %d moments", len(delays))
	}
}

func TestJitterTakesUpToTenPercentOff(t *testing.T) {
	s := begin(t, Settings{MaxTime: time.Hour, Jitter: true, Processes: 50}, laravelFacts)
	seen := map[time.Duration]bool{}
	for _, action := range s.hear(run(1)) {
		limit := action.(Start).MaxTime
		if limit > time.Hour || limit < 54*time.Minute || limit%time.Second != 0 {
			t.Errorf("a process may live %s", limit)
		}
		seen[limit] = true
	}
	if len(seen) < 40 {
		t.Errorf("50 processes have %d different lives", len(seen))
	}
}

func TestThePodsEndHasADeadline(t *testing.T) {
	s := begin(t, Settings{Grace: 30 * time.Second, Processes: 2}, laravelFacts)
	s.hear(run(1))
	s.hear(working(100, s.now))
	s.hear(Terminate{})
	s.expect("asked to end", Term{Slot: 0, PID: 100}, Term{Slot: 1, PID: 101})
	s.hear(Terminate{})
	s.expect("asked again")
	s.hear(Exited{Slot: 1, PID: 101})
	s.expect("one has ended")
	s.after(26 * time.Second).hear(Tick{})
	s.expect("before the deadline")
	s.after(time.Second).hear(Tick{})
	s.expect("three seconds before the end of the grace period", KillAll{})
	s.hear(Exited{PID: 100, Code: 137, Signal: 9})
	s.expect("nothing is left", Finish{})
	want := map[protocol.ExitReason]int64{protocol.ExitDrained: 1, protocol.ExitGraceExceeded: 1}
	if diff := cmp.Diff(want, s.state.Counters.Exits); diff != "" {
		t.Errorf("exits differ (-want +got):\n%s", diff)
	}
}

func TestTheLargestProcessIsKilledUnderPressure(t *testing.T) {
	s := begin(t, Settings{Processes: 2}, laravelFacts)
	s.hear(run(1))
	s.hear(Measured{Slot: 0, PID: 100, Memory: 10})
	s.hear(Measured{Slot: 1, PID: 101, Memory: 20})
	s.hear(Pressure{Used: 98, Limit: 100})
	s.expect("under pressure", Kill{Slot: 1, PID: 101})
	s.hear(Pressure{Used: 99, Limit: 100})
	s.expect("before its memory has come back")
	s.hear(Exited{Slot: 1, PID: 101, Code: 137, Signal: 9})
	if got := s.state.Slots[1].LastExit.Reason; got != protocol.ExitOOMKilled {
		t.Errorf("the reason is %s", got)
	}
}

func TestCountsGoOnFromTheContainerBefore(t *testing.T) {
	first := begin(t, Settings{Processes: 2}, laravelFacts)
	first.hear(run(1))
	first.hear(jobs(100, 3))
	first.hear(Exited{PID: 100, Code: 12, CPU: 2 * time.Second})
	second := New(first.state.Settings, laravelFacts, first.state.Past(), first.now)
	if diff := cmp.Diff(first.state.Counters, second.Counters); diff != "" {
		t.Errorf("counters differ (-want +got):\n%s", diff)
	}
	if second.Sequence != 1 || second.Slots[0].Processed != 3 || second.Slots[0].CPU != 2*time.Second {
		t.Errorf("the next container begins with sequence %d, %d jobs, %s", second.Sequence, second.Slots[0].Processed, second.Slots[0].CPU)
	}
}

func TestCPUOfLate(t *testing.T) {
	s := begin(t, Settings{}, laravelFacts)
	s.hear(run(1))
	s.after(10 * time.Second).hear(Measured{PID: 100, CPU: 5 * time.Second})
	s.after(4 * time.Second).hear(Measured{PID: 100, CPU: 6 * time.Second})
	if p := s.state.Slots[0].Process; p.Cores != 0.25 || p.CPU != 6*time.Second {
		t.Errorf("used %v cores, %s in all", p.Cores, p.CPU)
	}
}

func BenchmarkStep(b *testing.B) {
	state := New(Settings{Processes: 4, PodName: "pod"}, laravelFacts, Past{}, time.Unix(0, 0))
	state, _ = Step(state, run(1), time.Unix(1, 0))
	for i := range 4 {
		state, _ = Step(state, Started{Slot: i, PID: 100 + i}, time.Unix(1, 0))
	}
	b.ReportAllocs()
	for b.Loop() {
		state, _ = Step(state, jobs(100, 10), time.Unix(2, 0))
	}
}
