// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/api/protocol"
)

// world is the real world around the state machine: which processes live, and which
// signals they got.
type world struct {
	t     *rapid.T
	state State
	now   time.Time

	nextPID  int
	live     map[int]int       // slot by pid
	terms    map[int]time.Time // the last SIGTERM by pid
	asking   bool
	ended    int64
	finished int
	killed   bool
	missing  bool // the command does not exist
}

// TestStepKeepsItsPromises generates arbitrary events in arbitrary order.
func TestStepKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		w.hear(Begin{})
		for range rapid.IntRange(1, 80).Draw(t, "events") {
			w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 500, 1500, 40_000, 700_000}).Draw(t, "passed")) * time.Millisecond)
			w.happen(rapid.IntRange(0, 10).Draw(t, "what"))
		}
		w.wakesUp()
		w.endsWhenAsked()
	})
}

func newWorld(t *rapid.T) *world {
	settings := Settings{
		PodName: "pod", Worker: laravelWorker, Processes: rapid.IntRange(1, 4).Draw(t, "processes"),
		MaxJobs: int64(rapid.IntRange(0, 3).Draw(t, "maxJobs")),
		MaxTime: time.Duration(rapid.IntRange(0, 100).Draw(t, "maxTime")) * time.Second,
		Timeout: time.Duration(rapid.IntRange(0, 60).Draw(t, "timeout")) * time.Second,
		Jitter:  rapid.Bool().Draw(t, "jitter"), RetireBytes: 1000,
		Grace: time.Duration(rapid.IntRange(0, 60).Draw(t, "grace")) * time.Second,
	}
	w := &world{t: t, now: time.Unix(1000, 0), nextPID: 100, live: map[int]int{}, terms: map[int]time.Time{}}
	w.missing = rapid.IntRange(0, 4).Draw(t, "missing") == 0
	facts := Facts{}
	if rapid.Bool().Draw(t, "custom") {
		facts = w.facts()
		facts.Final = true
	}
	w.state = New(settings, facts, Past{}, w.now)
	return w
}

func (w *world) facts() Facts {
	own := rapid.Bool().Draw(w.t, "own")
	return Facts{
		Final: rapid.Bool().Draw(w.t, "final"), Signals: rapid.Bool().Draw(w.t, "signals"),
		OwnTimeout: own, OwnMaxJobs: own, OwnMaxTime: own,
	}
}

// happen generates one event, or a Tick if the chosen event is not possible now.
func (w *world) happen(what int) {
	pid, slot := w.any()
	switch {
	case what == 0:
		w.hear(ControlRead{Document: &protocol.Control{
			Revision: 1, Paused: rapid.Bool().Draw(w.t, "paused"), RestartSpreadSeconds: 5,
			Cordoned:        rapid.Bool().Draw(w.t, "cordoned"),
			RestartToken:    rapid.SampledFrom([]string{"", "a", "b"}).Draw(w.t, "token"),
			PodRestartToken: rapid.SampledFrom([]string{"", "a", "b"}).Draw(w.t, "own token"),
		}})
	case what == 1 && w.asking:
		w.asking = false
		w.hear(FactsLearned{Facts: w.facts()})
	case what == 2:
		w.hear(Pressure{Used: 99, Limit: 100})
	case what == 3 && rapid.IntRange(0, 9).Draw(w.t, "terminate") == 0:
		w.hear(Terminate{})
	case what == 4 && pid != 0:
		w.hear(Measured{Slot: slot, PID: pid, Memory: int64(rapid.IntRange(0, 1500).Draw(w.t, "memory"))})
	case what == 5 && pid != 0:
		w.print(slot, pid)
	case what >= 6 && what <= 7 && pid != 0:
		w.end(pid, rapid.SampledFrom([]int{0, 0, 0, 1, 12, 127, 255}).Draw(w.t, "code"), 0)
	case what == 8 && pid != 0:
		w.end(pid, 137, 9)
	default:
		w.hear(Tick{})
	}
}

// any picks a live process.
func (w *world) any() (pid, slot int) {
	for candidate := 100; candidate < w.nextPID; candidate++ {
		if s, lives := w.live[candidate]; lives && (pid == 0 || rapid.Bool().Draw(w.t, "this one")) {
			pid, slot = candidate, s
		}
	}
	return pid, slot
}

func (w *world) print(slot, pid int) {
	tally := dialect.Tally{}
	if rapid.Bool().Draw(w.t, "finished") {
		tally.Started, tally.Processed = 1, 1
	}
	if rapid.Bool().Draw(w.t, "open") {
		tally.Started++
		tally.Open, tally.OpenCount = &dialect.Job{Class: "A", Since: w.now}, 1
	}
	w.hear(Printed{Slot: slot, PID: pid, Tally: tally})
}

func (w *world) end(pid, code, signal int) {
	slot := w.live[pid]
	delete(w.live, pid)
	w.ended++
	w.hear(Exited{Slot: slot, PID: pid, Code: code, Signal: signal})
}

// hear steps, checks, and carries out the actions. Their answers follow after all
// actions, as in the executor.
func (w *world) hear(event Event) {
	for queue := []Event{event}; len(queue) > 0; {
		before := w.state
		state, actions := Step(before, queue[0], w.now)
		again, actionsAgain := Step(before, queue[0], w.now)
		if !reflect.DeepEqual(state, again) || !reflect.DeepEqual(actions, actionsAgain) {
			w.t.Fatalf("the same step of %T gave another result: it has changed its input", queue[0])
		}
		if _, failed := queue[0].(NotStarted); failed {
			w.ended++
		}
		w.state, queue = state, queue[1:]
		w.counts()
		for _, action := range actions {
			if answer := w.carryOut(action); answer != nil {
				queue = append(queue, answer)
			}
		}
	}
}

func (w *world) counts() {
	var sum int64
	for _, n := range w.state.Counters.Exits {
		sum += n
	}
	if sum != w.state.Sequence || sum != w.ended {
		w.t.Fatalf("%d exits are counted, the sequence is %d, %d processes have ended", sum, w.state.Sequence, w.ended)
	}
	if len(w.state.RecentExits) > recentExits {
		w.t.Fatalf("%d exits are remembered", len(w.state.RecentExits))
	}
}

func (w *world) carryOut(action Action) Event {
	switch a := action.(type) {
	case Ask:
		if w.asking {
			w.t.Fatal("asked while the answer is awaited")
		}
		w.asking = true
	case Start:
		return w.start(a)
	case Term:
		last, again := w.terms[a.PID]
		w.terms[a.PID] = w.now
		if slot, lives := w.live[a.PID]; !lives || slot != a.Slot {
			w.t.Fatalf("process %d got SIGTERM and does not live", a.PID)
		}
		if again && (!w.state.Settings.Worker.Insist || w.now.Sub(last) < insistAfter) {
			w.t.Fatalf("process %d got SIGTERM again after %s, insisting: %t", a.PID, w.now.Sub(last), w.state.Settings.Worker.Insist)
		}
		if !w.state.Facts.Signals {
			w.t.Fatal("SIGTERM to a worker that cannot handle it")
		}
	case Kill:
		if slot, lives := w.live[a.PID]; !lives || slot != a.Slot {
			w.t.Fatalf("process %d was killed and does not live", a.PID)
		}
	case KillAll:
		if !w.state.Terminating || w.now.Before(w.state.Deadline) || w.killed {
			w.t.Fatal("everything was killed before the deadline, or twice")
		}
		w.killed = true
	case Finish:
		if w.finished++; w.finished > 1 || len(w.live) > 0 || !w.state.Terminating {
			w.t.Fatalf("finished with %d processes left", len(w.live))
		}
	}
	return nil
}

func (w *world) start(a Start) Event {
	for pid, slot := range w.live {
		if slot == a.Slot {
			w.t.Fatalf("slot %d got a process while %d lives", slot, pid)
		}
	}
	switch {
	case w.state.Control == nil:
		w.t.Fatal("started before control was read")
	case w.state.Control.Paused, w.state.Control.Cordoned, w.state.Terminating:
		w.t.Fatal("started while none is wanted")
	case w.asking:
		w.t.Fatal("started before it is known what the worker can do")
	}
	if w.missing {
		return NotStarted{Slot: a.Slot, NotFound: true, Err: "no such file"}
	}
	pid := w.nextPID
	w.nextPID++
	w.live[pid] = a.Slot
	if len(w.live) > w.state.Settings.Processes {
		w.t.Fatalf("%d processes live", len(w.live))
	}
	return Started{Slot: a.Slot, PID: pid}
}

// wakesUp checks that every wanted process runs or will be tried within 60 s.
func (w *world) wakesUp() {
	if w.asking {
		w.asking = false
		w.hear(FactsLearned{Facts: Facts{Final: true, Signals: true}})
	}
	if w.state.Wanted() == 0 {
		if w.state.Phase() == protocol.PhaseRunning && w.state.Control != nil {
			w.t.Fatal("running, and no process is wanted")
		}
		return
	}
	at, ok := w.state.Wake()
	for i := range w.state.Slots {
		if w.state.Slots[i].Running() {
			continue
		}
		if !ok || at.After(w.now.Add(longestWait)) {
			w.t.Fatalf("slot %d is empty and nothing will wake the supervisor within %s", i, longestWait)
		}
	}
}

// endsWhenAsked checks that the pod ends as soon as its last process has ended.
func (w *world) endsWhenAsked() {
	w.hear(Terminate{})
	w.now = w.now.Add(time.Hour)
	w.hear(Tick{})
	for range w.nextPID {
		if pid, _ := w.any(); pid != 0 {
			if !w.killed {
				w.t.Fatal("the deadline has passed and nothing was killed")
			}
			w.end(pid, 137, 9)
		}
	}
	if w.finished != 1 {
		w.t.Fatalf("finished %d times after the last process had ended", w.finished)
	}
}
