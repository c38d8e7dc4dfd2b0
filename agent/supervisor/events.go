// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/api/protocol"
)

// Event is an input of Step.
type Event interface{ apply(*step) }

type (
	// Begin is the first event.
	Begin struct{}
	// Tick reports that the time returned by Wake has come.
	Tick struct{}
	// Terminate reports that the pod was asked to end.
	Terminate struct{}

	// ControlRead holds the content of the control documents. Document is nil before the
	// first; Err says what could not be read, or is empty.
	ControlRead struct {
		Document *protocol.Control
		Err      string
	}
	// FactsLearned holds the answers to Ask.
	FactsLearned struct{ Facts Facts }
	// Inspected holds the findings of Inspect. Complete is set if another inspection would
	// find nothing more.
	Inspected struct {
		Findings []protocol.Finding
		Complete bool
	}
	// Wrapped reports that a shell runs between the agent and a worker.
	Wrapped struct{}

	// Started reports that a process was started.
	Started struct{ Slot, PID int }
	// NotStarted reports that a process could not be started. NotFound is set if its command
	// is missing or not executable.
	NotStarted struct {
		Slot     int
		NotFound bool
		Err      string
	}
	// Printed reports the jobs in the output of a process since the last report.
	Printed struct {
		Slot, PID int
		Tally     dialect.Tally
	}
	// Measured reports the memory and CPU that a process uses.
	Measured struct {
		Slot, PID int
		Memory    int64
		CPU       time.Duration
	}
	// Pressure reports that the container is about to reach its memory limit, at which the
	// kernel would kill the agent too. Both values are bytes.
	Pressure struct{ Used, Limit int64 }
	// Exited reports that a process has ended. It follows the reports of its output.
	Exited struct {
		Slot, PID    int
		Code, Signal int
		CPU          time.Duration
		// OutOfMemory is set if the kernel has killed a process of the container for its memory
		// since the last report.
		OutOfMemory bool
		// Tail is the last output that was not a job event.
		Tail string
	}
)

// Action is an output of Step.
type Action interface{ action() }

type (
	// Ask asks the worker program what it can do.
	Ask struct{}
	// Inspect inspects the settings of the worker program, while its first process runs.
	Inspect struct{}
	// Start starts a process. Its answer is Started or NotStarted.
	Start struct {
		Slot    int
		MaxTime time.Duration
	}
	// Term sends SIGTERM to a process.
	Term struct{ Slot, PID int }
	// Kill kills a process and its descendants.
	Kill struct{ Slot, PID int }
	// KillAll kills all processes.
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
