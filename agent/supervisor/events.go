// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/api/protocol"
)

// Event is something the supervisor hears of.
type Event interface{ apply(*step) }

type (
	// Begin is the first event.
	Begin struct{}
	// Tick tells that the time asked for by Wake has come.
	Tick struct{}
	// Terminate tells that the pod was asked to end.
	Terminate struct{}

	// ControlRead tells what the control documents say. Document is nil before the
	// first; Err is empty if all could be read.
	ControlRead struct {
		Document *protocol.Control
		Err      string
	}
	// FactsLearned brings the answers to Ask.
	FactsLearned struct{ Facts Facts }
	// Inspected brings what Inspect has found; Complete tells that there is no more to
	// be found by looking again.
	Inspected struct {
		Findings []protocol.Finding
		Complete bool
	}
	// Wrapped tells that a shell was found between the agent and a worker.
	Wrapped struct{}

	// Started tells that a process was started.
	Started struct{ Slot, PID int }
	// NotStarted tells that one could not be; NotFound where its command is missing
	// or cannot be executed.
	NotStarted struct {
		Slot     int
		NotFound bool
		Err      string
	}
	// Printed tells what a process has printed since the last time.
	Printed struct {
		Slot, PID int
		Tally     dialect.Tally
	}
	// Measured tells what a process uses.
	Measured struct {
		Slot, PID int
		Memory    int64
		CPU       time.Duration
	}
	// Pressure tells that the container is about to reach its memory limit, where
	// the kernel would kill the agent too. Both are bytes.
	Pressure struct{ Used, Limit int64 }
	// Exited tells that a process has ended. Everything it printed was told before.
	Exited struct {
		Slot, PID    int
		Code, Signal int
		CPU          time.Duration
		// OutOfMemory tells that the kernel has killed a process of the container
		// for its memory since the last time.
		OutOfMemory bool
		// Tail is what it printed last that was no job event.
		Tail string
	}
)

// Action is something the supervisor wants done.
type Action interface{ action() }

type (
	// Ask asks the worker program what it can do.
	Ask struct{}
	// Inspect looks at the settings of the worker program, beside its first process.
	Inspect struct{}
	// Start starts a process, which answers with Started or NotStarted.
	Start struct {
		Slot    int
		MaxTime time.Duration
	}
	// Term sends the one SIGTERM.
	Term struct{ Slot, PID int }
	// Kill kills a process with its descendants.
	Kill struct{ Slot, PID int }
	// KillAll kills everything.
	KillAll struct{}
	// Finish ends the agent: no process is left.
	Finish struct{}
)

func (Ask) action()     {}
func (Inspect) action() {}
func (Start) action()   {}
func (Term) action()    {}
func (Kill) action()    {}
func (KillAll) action() {}
func (Finish) action()  {}
