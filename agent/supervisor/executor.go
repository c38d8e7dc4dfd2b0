// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"errors"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/agent/output"
	"queueworker.dev/queueworker/agent/process"
	"queueworker.dev/queueworker/api/protocol"
)

// Program describes how to ask, start and read the worker program.
type Program interface {
	// Ask finds out what the program can do. It may take long and runs in its own goroutine.
	Ask(run Runner) Facts
	// Inspect checks the program's settings; complete means that no further inspection is
	// needed. It may take long and runs in its own goroutine.
	Inspect(run Runner) (findings []protocol.Finding, complete bool)
	// Command returns the command of one process.
	Command(maxTime time.Duration) []string
	// Reading returns how to read the output of one process.
	Reading() Reading
}

// Reading describes how to read the output of one process.
type Reading struct {
	Parser dialect.Parser // if nil, no jobs are counted
	// Concurrent is set if several jobs may be open at once, paired by id.
	Concurrent bool
	// BothStreams is set if job events may appear on stderr too.
	BothStreams bool
}

// Executor carries out the actions of Step. Its fields are set before Run.
type Executor struct {
	Reaper  *process.Reaper
	Cgroup  *process.Cgroup
	Program Program
	Stdout  *output.Sink
	Stderr  *output.Sink
	// Log writes one line about the agent itself.
	Log func(format string, arguments ...any)
	// Changed is called after each change of the counts. If atOnce is set, the change should
	// be saved without delay. Changed must not block.
	Changed func(state *State, atOnce bool)

	state   atomic.Pointer[State]
	events  chan Event
	timer   *time.Timer
	stopped chan struct{}
	oom     atomic.Int64 // kills by the kernel that were already reported
	saved   int64
	exits   int64
}

// Begin prepares the executor to run from the given state.
func (x *Executor) Begin(state State) {
	x.state.Store(&state)
	x.events = make(chan Event, 64)
	x.stopped = make(chan struct{})
	x.timer = time.NewTimer(time.Hour)
	x.oom.Store(x.Cgroup.Kills())
	x.saved, x.exits = state.Changes, state.Sequence
}

// State returns the current state. The caller must not change it.
func (x *Executor) State() *State { return x.state.Load() }

// Tell sends the executor an event from another goroutine.
func (x *Executor) Tell(event Event) {
	select {
	case x.events <- event:
	case <-x.stopped:
	}
}

// Run supervises the processes until the pod or its run ends and no process is left.
func (x *Executor) Run() {
	go x.sample()
	finished := x.step(Begin{})
	for !finished {
		select {
		case event := <-x.events:
			finished = x.step(event)
		case <-x.timer.C:
			finished = x.step(Tick{})
		}
	}
	close(x.stopped)
	x.Reaper.KillAll() // orphans that outlived their worker
}

// step handles one event and the events with which its actions answer.
func (x *Executor) step(event Event) (finished bool) {
	queue := []Event{event}
	for len(queue) > 0 {
		state, actions := Step(*x.state.Load(), queue[0], time.Now())
		x.state.Store(&state)
		queue = queue[1:]
		for _, action := range actions {
			if _, last := action.(Finish); last {
				finished = true
			} else if answer := x.act(action); answer != nil {
				queue = append(queue, answer)
			}
		}
	}
	x.after()
	return finished
}

// after reports changes and sets the timer. It runs after the actions, so that a
// successor starts before the end of its predecessor is recorded.
func (x *Executor) after() {
	state := x.State()
	if state.Sequence != x.exits {
		x.logExits(state)
		x.exits = state.Sequence
		x.saved = state.Changes
		x.Changed(state, true)
	} else if state.Changes != x.saved {
		x.saved = state.Changes
		x.Changed(state, false)
	}
	if at, ok := state.Wake(); ok {
		x.timer.Reset(max(time.Until(at), 0))
	} else {
		x.timer.Stop()
	}
}

func (x *Executor) logExits(state *State) {
	for i := min(int(state.Sequence-x.exits), len(state.RecentExits)) - 1; i >= 0; i-- {
		exit := &state.RecentExits[i]
		x.Log("process %d ended: %s: %s", exit.Slot, exit.Reason, exit.Message)
	}
}

// act carries out one action and returns the event that answers it, or nil.
func (x *Executor) act(action Action) Event {
	switch a := action.(type) {
	case Ask:
		go func() { x.Tell(FactsLearned{Facts: x.Program.Ask(x.run)}) }()
	case Inspect:
		go x.inspect()
	case Start:
		return x.start(a)
	case Term:
		x.term(a.PID)
	case Kill:
		x.Reaper.KillTree(a.PID)
	case KillAll:
		x.Reaper.KillAll()
	}
	return nil
}

// shellLeeway is how long a shell may live after the worker that it waited for has ended.
const shellLeeway = 2 * time.Second

// term sends SIGTERM to the worker, past a shell that would not pass it on. A shell that
// continues after the worker has ended, such as a looping script, gets SIGTERM too.
func (x *Executor) term(pid int) {
	worker, wrapped := process.Worker(pid)
	if !wrapped {
		x.Reaper.Signal(pid, syscall.SIGTERM)
		return
	}
	_ = syscall.Kill(worker, syscall.SIGTERM)
	go func() {
		for syscall.Kill(worker, 0) == nil {
			time.Sleep(shellLeeway / 4)
		}
		time.Sleep(shellLeeway)
		x.Reaper.Signal(pid, syscall.SIGTERM)
	}()
}

func (x *Executor) start(a Start) Event {
	child, err := x.Reaper.Start(process.Command{Arguments: x.Program.Command(a.MaxTime)})
	if child == nil {
		return NotStarted{Slot: a.Slot, NotFound: notFound(err), Err: err.Error()}
	}
	if err != nil {
		x.Log("%v; when memory runs out, the kernel may end the whole container", err)
	}
	reading := x.Program.Reading()
	worker := output.NewWorker(reading.Parser, reading.Concurrent)
	report := func() {
		if tally, printed := worker.Report(); printed {
			x.Tell(Printed{Slot: a.Slot, PID: child.PID, Tally: tally})
		}
	}
	pump := func(events bool, sink *output.Sink) *output.Pump {
		return &output.Pump{
			Stream: output.NewStream(worker, events), Sink: sink, Report: report,
			Dropped: func(bytes int64) {
				x.Log("dropped %d bytes that process %d (pid %d) printed too fast; its jobs were counted", bytes, a.Slot, child.PID)
			},
		}
	}
	stdout, stderr := pump(true, x.Stdout), pump(reading.BothStreams, x.Stderr)
	if err := errors.Join(stdout.Start(child.Stdout), stderr.Start(child.Stderr)); err != nil {
		x.Log("read the output of process %d: %v", a.Slot, err)
	}
	go x.await(a.Slot, child, worker, stdout, stderr)
	return Started{Slot: a.Slot, PID: child.PID}
}

// These bound the wait for the last output of a process if the agent's own stdout is
// blocked. The wait is counted in ticks, because a machine that stands still for longer
// than all of them uses up only one tick.
const (
	drainTicks = 5
	drainTick  = time.Second
)

// await reports the end of a process, after everything that the process printed.
func (x *Executor) await(slot int, child *process.Child, worker *output.Worker, pumps ...*output.Pump) {
	<-child.Done()
	for _, pump := range pumps {
		pump.Exited()
	}
	drain(pumps)
	end := child.End()
	event := Exited{
		Slot: slot, PID: child.PID, Code: end.Code, Signal: int(end.Signal), CPU: end.CPU, Tail: worker.Tail(),
	}
	if end.Code == 128+int(syscall.SIGKILL) {
		kills := x.Cgroup.Kills()
		event.OutOfMemory = kills > x.oom.Swap(kills)
	}
	x.Tell(event)
}

// drain waits until the pumps have read everything, up to drainTicks.
func drain(pumps []*output.Pump) {
	ticker := time.NewTicker(drainTick)
	defer ticker.Stop()
	ticks := 0
	for _, pump := range pumps {
		for drained := false; !drained && ticks < drainTicks; {
			select {
			case <-pump.Drained():
				drained = true
			case <-ticker.C:
				ticks++
			}
		}
	}
}

// notFound reports whether a process could not be started because its command is missing
// or not executable.
func notFound(err error) bool {
	return errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) ||
		errors.Is(err, syscall.ENOEXEC) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) ||
		errors.Is(err, exec.ErrDot)
}
