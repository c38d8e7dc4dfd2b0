// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/api/protocol"
)

// Settings are the pod's configuration. They never change while the agent runs.
type Settings struct {
	PodName   string
	Processes int
	// Worker says how the workers of the pod's runtime end.
	Worker Worker
	// MaxJobs, MaxTime and Timeout limit one process; 0 means no limit.
	MaxJobs int64
	MaxTime time.Duration
	// MaxExceptions is the number of failed jobs in a row after which a process is replaced;
	// 0 means never.
	MaxExceptions int64
	Timeout       time.Duration
	// RecyclePod is set if the operator replaces the pod when a process reaches MaxJobs or
	// MaxTime. The worker does not know these limits. The agent replaces a process that
	// reaches twice a limit.
	RecyclePod bool
	// Jitter shortens MaxTime by up to 10 %, by a different share for each process.
	Jitter bool
	// MemoryBytes is the limit that the worker checks itself. At RetireBytes the agent
	// replaces the process; 0 means never.
	MemoryBytes int64
	RetireBytes int64
	// Run is the batch run that the pod belongs to, or empty.
	Run string
	// StopWhenEmpty is set if a process that ends by itself without a job has found its
	// queues empty. Such a process is not replaced.
	StopWhenEmpty bool
	// Grace is the time from SIGTERM until everything in the pod is killed.
	Grace time.Duration
}

// Worker says how the workers of a runtime end, whatever is installed. Each package of
// agent/runtime has one.
type Worker struct {
	// MemoryCode is the exit code of a worker that used more than MemoryBytes and ended
	// after its job; 0 means that the runtime has no such code.
	MemoryCode int
	// Insist is set if SIGTERM is repeated for a worker that has not reacted to it. Any
	// other worker gets it only once.
	Insist bool
	// Unasked says why a worker may end with exit code 0 although nothing that the agent
	// knows of asked it to. It completes a sentence.
	Unasked string
}

// tooLarge reports whether an exit code says that the worker ended because of its memory.
func (w Worker) tooLarge(code int) bool { return code != 0 && code == w.MemoryCode }

// Facts describe the worker program as far as the agent knows it.
type Facts struct {
	// Final is set if the agent has no questions, or the program has answered them.
	Final bool
	// Signals is set if the worker handles SIGTERM. Otherwise the agent retires it by
	// waiting until it ends by itself, and NoSignals says in the status why it does not.
	Signals   bool
	NoSignals string
	// ShellWrapped is set if a shell that does not pass signals on started the worker.
	ShellWrapped bool
	// OwnTimeout, OwnMaxJobs and OwnMaxTime are set if the worker keeps that limit itself.
	OwnTimeout, OwnMaxJobs, OwnMaxTime bool
	// LifeLimit bounds the life of a process, whatever MaxTime is; 0 means no limit.
	LifeLimit time.Duration
	Dialect   dialect.Name
	Version   string
	// Inspectable is set if the agent can inspect the program's settings. Findings are the
	// results so far.
	Inspectable bool
	Findings    []protocol.Finding
}

// State is everything the supervisor knows. A State that Step has returned never changes,
// so other goroutines may read it.
type State struct {
	Settings Settings
	Facts    Facts
	Begun    time.Time // when the agent started

	Control      *protocol.Control // in force; nil before the first
	ControlError string

	Terminating bool
	Deadline    time.Time // of the termination

	Slots    []Slot
	Counters protocol.Counters
	Sequence int64 // of the last exit
	// Changes increases whenever Counters or Sequence change.
	Changes     int64
	RecentExits []Exit // newest first
	// KilledJobs are the jobs interrupted on request, newest first.
	KilledJobs []KilledJob
	// RecentFailures are the last jobs that failed permanently, newest first.
	RecentFailures []Failure
	// Trouble is the message of the last unintended exit.
	Trouble string

	spentRest time.Duration // less than a millisecond, not yet in Counters

	asking   bool // an Ask is in progress
	answered bool // Facts are up to date, so processes may start

	inspecting bool // an inspection is in progress or done
	inspected  bool // the inspection was complete

	restartToken    string
	podRestartToken string
	killToken       string
	podKillToken    string
	restartAsked    time.Time // processes started before this time are replaced ...
	restartAt       time.Time // ... from this time on; zero if no restart is pending

	finishing bool // the run is over; never reset
	killedAll bool
	finished  bool
}

// recentExits and recentFailures are the numbers of ended processes and failed jobs that
// a status document lists.
const (
	recentExits    = 10
	recentFailures = 10
)

// Failure is a job that failed permanently, and its slot.
type Failure struct {
	dialect.Failure
	Slot int
}

// Exit is the end of a process and its time.
type Exit struct {
	protocol.Exit
	At time.Time
}

// KilledJob is a job that was interrupted on request, and the time.
type KilledJob struct {
	protocol.KilledJob
	At time.Time
}

// Slot is a place for one process.
type Slot struct {
	Process Process // PID is 0 while none runs
	// Healthy is set if the last process lived long enough or finished a job.
	Healthy bool
	// Crashes counts unintended ends in a row. RetryAt is the earliest start of the next
	// process.
	Crashes int
	RetryAt time.Time

	// RecycleDue is set if the last process has reached the limit at which its pod is
	// replaced.
	RecycleDue bool

	Processed, Failed int64
	CPU               time.Duration // of the ended processes
	LastExit          *Exit

	// Done is set if the last process found the queues empty and is not replaced.
	Done bool

	starting bool
	starts   uint64
}

// Process is a running process.
type Process struct {
	PID       int
	StartedAt time.Time
	MaxTime   time.Duration // its own limit; 0 means none

	Printed   bool  // anything at all
	Jobs      int64 // attempts started
	Finished  int64 // attempts ended
	Open      *dialect.Job
	OpenCount int
	Last      dialect.Ending
	// FailuresInARow counts the failed jobs since the last successful job.
	FailuresInARow int64

	// Retiring is why the agent asked the process to end, Killed why it killed the process;
	// both may be empty.
	Retiring, Killed protocol.ExitReason
	// termAt is the time of the last SIGTERM, or zero; jobsAtTerm is Jobs at that time.
	termAt     time.Time
	jobsAtTerm int64

	Memory   int64 // bytes
	CPU      time.Duration
	Cores    float64
	measured time.Time
	// pressure is the container's memory at the time the process was killed for it.
	pressure Pressure
}

// Running reports whether a process runs in the slot.
func (s *Slot) Running() bool { return s.Process.PID != 0 }

// healthyAfter is how long a process must live to count as started well.
const healthyAfter = 2 * time.Second

// New returns the state of a pod whose agent starts now. It includes the counts of
// earlier containers of the pod.
func New(settings Settings, facts Facts, past Past, now time.Time) State {
	s := State{
		Settings: settings, Facts: facts, Begun: now, answered: facts.Final,
		Slots: make([]Slot, settings.Processes), Counters: past.Counters, Sequence: past.Sequence,
	}
	for i := range min(len(s.Slots), len(past.Slots)) {
		s.Slots[i].Processed, s.Slots[i].Failed = past.Slots[i].Processed, past.Slots[i].Failed
		s.Slots[i].CPU = time.Duration(past.Slots[i].CPUSeconds * float64(time.Second))
	}
	return s
}

// Past holds the counts of a pod that outlive its container.
type Past struct {
	Counters protocol.Counters `json:"counters"`
	Sequence int64             `json:"sequence"`
	Slots    []PastSlot        `json:"slots,omitempty"`
}

// PastSlot holds the counts of one slot.
type PastSlot struct {
	Processed  int64   `json:"processed"`
	Failed     int64   `json:"failed"`
	CPUSeconds float64 `json:"cpuSeconds"`
}

// Past returns the counts to keep.
func (s *State) Past() Past {
	past := Past{Counters: s.Counters, Sequence: s.Sequence, Slots: make([]PastSlot, len(s.Slots))}
	for i := range s.Slots {
		slot := &s.Slots[i]
		past.Slots[i] = PastSlot{
			Processed: slot.Processed, Failed: slot.Failed, CPUSeconds: (slot.CPU + slot.Process.CPU).Seconds(),
		}
	}
	return past
}

// Phase returns the phase of the pod as a whole.
func (s *State) Phase() protocol.Phase {
	switch {
	case s.Terminating:
		return protocol.PhaseTerminating
	case s.finishing:
		return protocol.PhaseFinishing
	case s.Control != nil && s.Control.Cordoned:
		return protocol.PhaseCordoned
	case s.Control != nil && s.Control.Paused:
		return protocol.PhasePaused
	}
	return protocol.PhaseRunning
}

// Wanted returns how many processes should run.
func (s *State) Wanted() int {
	if s.Control == nil || s.Phase() != protocol.PhaseRunning {
		return 0
	}
	return len(s.Slots)
}

// Ready reports whether the pod does what its control document asks. It does if the
// document has been read, and one of its processes has started well or none is wanted. A
// cordon does not change readiness, because a ReplicaSet removes unready pods first. A
// cordoned pod that became unready would be removed while it works; one that became ready
// would stay in place of another pod.
func (s *State) Ready() bool {
	if s.Control == nil {
		return false
	}
	if s.Terminating || s.finishing || s.Control.Paused {
		return true
	}
	for i := range s.Slots {
		if s.Slots[i].Healthy {
			return true
		}
	}
	return false
}

// Interrupted reports whether the pod ends before its batch run is over.
func (s *State) Interrupted() bool {
	return s.Settings.Run != "" && !s.finishing && !s.allDone()
}

// allDone reports whether no slot will start a process again.
func (s *State) allDone() bool {
	for i := range s.Slots {
		if !s.Slots[i].Done {
			return false
		}
	}
	return len(s.Slots) > 0
}

// Left returns how many processes run or are about to start.
func (s *State) Left() int {
	left := 0
	for i := range s.Slots {
		if s.Slots[i].Running() || s.Slots[i].starting {
			left++
		}
	}
	return left
}
