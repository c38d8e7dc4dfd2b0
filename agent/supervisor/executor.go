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

// Program is the worker program: how it is asked, started and read.
type Program interface {
	// Ask finds out what it can do. It may take long and is called from a goroutine.
	Ask(run Runner) Facts
	// Inspect looks at its settings; complete tells that it need not be asked again. It
	// may take long and is called from a goroutine.
	Inspect(run Runner) (findings []protocol.Finding, complete bool)
	// Command is the command of one process.
	Command(maxTime time.Duration) []string
	// Reading is how one process is read.
	Reading() Reading
}

// Reading is how the output of one process is read.
type Reading struct {
	Parser dialect.Parser // nil counts no jobs
	// Concurrent tells that several jobs may be open, paired by id.
	Concurrent bool
	// BothStreams tells that job events may stand on stderr too.
	BothStreams bool
}

// Executor carries out what Step decides. Its fields are set before Run.
type Executor struct {
	Reaper  *process.Reaper
	Cgroup  *process.Cgroup
	Program Program
	Stdout  *output.Sink
	Stderr  *output.Sink
	// Log writes one line about the agent itself.
	Log func(format string, arguments ...any)
	// Changed is called after each change of counts; at once tells that it is
	// worth writing down without delay. It must not block.
	Changed func(state *State, atOnce bool)

	state   atomic.Pointer[State]
	events  chan Event
	timer   *time.Timer
	stopped chan struct{}
	oom     atomic.Int64 // kills by the kernel already told of
	saved   int64
	exits   int64
}

// Begin prepares the executor to run from a state.
func (x *Executor) Begin(state State) {
	x.state.Store(&state)
	x.events = make(chan Event, 64)
	x.stopped = make(chan struct{})
	x.timer = time.NewTimer(time.Hour)
	x.oom.Store(x.Cgroup.Kills())
	x.saved, x.exits = state.Changes, state.Sequence
}

// State returns the current state, which must not be changed.
func (x *Executor) State() *State { return x.state.Load() }

// Tell hands the executor an event from another goroutine.
func (x *Executor) Tell(event Event) {
	select {
	case x.events <- event:
	case <-x.stopped:
	}
}

// Run supervises until the pod was asked to end and no process is left.
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

// step takes one event and those that its actions answer with.
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

// after tells of changes and sets the timer, once the actions have been carried out:
// a successor is started before its predecessor is accounted for.
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

// act carries out one action and returns the event that answers it, if any.
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

// shellLeeway is how long a shell may live after the worker it waited for has ended.
const shellLeeway = 2 * time.Second

// term sends SIGTERM to the worker, past a shell that would keep it to itself. A
// shell that goes on after that, a script that loops, gets one of its own.
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

// The last output of a process may take so many ticks to be looked at, should the
// agent's own stdout be blocked. They are ticks because a machine that stands
// still for longer than all of them together takes up just one.
const (
	drainTicks = 5
	drainTick  = time.Second
)

// await tells of the end of a process, after all that it printed.
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

// drain waits until the pumps have looked at everything, within limits.
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

// notFound tells whether a process could not be started because its command is
// missing or cannot be executed.
func notFound(err error) bool {
	return errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) ||
		errors.Is(err, syscall.ENOEXEC) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) ||
		errors.Is(err, exec.ErrDot)
}
