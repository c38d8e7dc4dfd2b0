// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/api/protocol"
)

// Settings are what a pod was started with; they do not change.
type Settings struct {
	PodName   string
	Processes int
	// Laravel tells that exit code 12 means too much memory.
	Laravel bool
	// MaxJobs, MaxTime and Timeout are the limits of one process; 0 means none.
	MaxJobs int64
	MaxTime time.Duration
	// MaxExceptions is after how many failed jobs in a row a process is replaced; 0
	// means never.
	MaxExceptions int64
	Timeout       time.Duration
	// RecyclePod tells that the pod is to be replaced when a process has reached MaxJobs
	// or MaxTime, of which the worker is not told. The agent replaces a process that
	// has reached twice as much.
	RecyclePod bool
	// Jitter takes up to 10 % off MaxTime, another share for each process.
	Jitter bool
	// MemoryBytes is what a worker holds itself to, RetireBytes where the agent
	// replaces it; 0 means never.
	MemoryBytes int64
	RetireBytes int64
	// Run is the batch run the pod belongs to; empty if it belongs to none.
	Run string
	// StopWhenEmpty tells that a process that ends by itself, without a job, has found
	// its queues empty and gets no successor.
	StopWhenEmpty bool
	// Grace is how long the pod has from SIGTERM until everything is killed.
	Grace time.Duration
}

// Facts are what is known of the worker program.
type Facts struct {
	// Final tells that there is nothing to ask, or that the questions were answered.
	Final bool
	// Signals tells that the worker may be sent SIGTERM; without it, it is retired
	// by waiting for its own end.
	Signals bool
	// ShellWrapped tells that the worker was started by a shell that keeps signals to itself.
	ShellWrapped bool
	// OwnTimeout, OwnMaxJobs and OwnMaxTime tell that the worker keeps these limits itself.
	OwnTimeout, OwnMaxJobs, OwnMaxTime bool
	// LifeLimit is how long a process may live whatever MaxTime says; 0 means no limit.
	LifeLimit time.Duration
	Dialect   string
	Version   string
	// Inspectable tells that the program's settings can be looked at, Findings what has
	// been found out about it so far.
	Inspectable bool
	Findings    []protocol.Finding
}

// State is everything the supervisor knows. Values of it are never changed after
// Step has returned them, so they can be read by others.
type State struct {
	Settings Settings
	Facts    Facts
	Begun    time.Time // when the agent started

	Control      *protocol.Control // obeyed; nil before the first
	ControlError string

	Terminating bool
	Deadline    time.Time // of the termination

	Slots    []Slot
	Counters protocol.Counters
	Sequence int64 // of the last exit
	// Changes grows whenever Counters or Sequence do.
	Changes     int64
	RecentExits []Exit // newest first
	// KilledJobs are the jobs cut short on request, newest first.
	KilledJobs []KilledJob
	// RecentFailures are the last jobs that failed for good, newest first.
	RecentFailures []Failure
	// Trouble is the message of the last exit that was not intended.
	Trouble string

	spentRest time.Duration // below a millisecond, not yet in Counters

	asking   bool // questions are being asked
	answered bool // and were answered since a process last ended

	inspecting bool // the program's settings are being looked at, or were
	inspected  bool // and need not be again

	restartToken    string
	podRestartToken string
	killToken       string
	podKillToken    string
	restartAsked    time.Time // processes older than this are replaced ...
	restartAt       time.Time // ... from this time on; zero when none are

	finishing bool // for good: the run is over
	killedAll bool
	finished  bool
}

// recentExits and recentFailures are how many ended processes and failed jobs a status
// document tells of.
const (
	recentExits    = 10
	recentFailures = 10
)

// Failure is a job that failed for good, and the slot it did so in.
type Failure struct {
	dialect.Failure
	Slot int
}

// Exit is an ended process and when it ended.
type Exit struct {
	protocol.Exit
	At time.Time
}

// KilledJob is a job cut short on request, and when it was.
type KilledJob struct {
	protocol.KilledJob
	At time.Time
}

// Slot is the place of one process.
type Slot struct {
	Process Process // PID 0 while none runs
	// Healthy tells that the last process lived long enough or finished a job.
	Healthy bool
	// Crashes counts the ends in a row that were not intended; RetryAt is when the
	// next process may start.
	Crashes int
	RetryAt time.Time

	// RecycleDue tells that its last process has reached the limit at which its pod is
	// replaced.
	RecycleDue bool

	Processed, Failed int64
	CPU               time.Duration // of the processes that have ended
	LastExit          *Exit

	// Done tells that its last process found the queues empty and needs no successor.
	Done bool

	starting bool
	starts   uint64
}

// Process is a running process.
type Process struct {
	PID       int
	StartedAt time.Time
	MaxTime   time.Duration // its own limit; 0 means none

	Printed   bool  // anything
	Jobs      int64 // attempts begun
	Finished  int64 // attempts ended
	Open      *dialect.Job
	OpenCount int
	Last      dialect.Ending
	// FailuresInARow counts its failed jobs since the last that succeeded.
	FailuresInARow int64

	// Retiring is why it was asked to end, empty if it was not; Killed why the
	// agent killed it.
	Retiring, Killed protocol.ExitReason
	// termAt is when SIGTERM was last sent, zero before; jobsAtTerm is Jobs at that time.
	termAt     time.Time
	jobsAtTerm int64

	Memory   int64 // bytes
	CPU      time.Duration
	Cores    float64
	measured time.Time
	// pressure is the container's memory when it was killed for it.
	pressure Pressure
}

// Running tells whether a process runs in the slot.
func (s *Slot) Running() bool { return s.Process.PID != 0 }

// healthyAfter is how long a process has to live to count as started well.
const healthyAfter = 2 * time.Second

// New returns the state of a pod whose agent starts now, with the counts of
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

// Past is what outlives a container: the counts of its pod.
type Past struct {
	Counters protocol.Counters `json:"counters"`
	Sequence int64             `json:"sequence"`
	Slots    []PastSlot        `json:"slots,omitempty"`
}

// PastSlot are the counts of one slot.
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

// Phase is what the pod as a whole does.
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

// Wanted is how many processes there should be.
func (s *State) Wanted() int {
	if s.Control == nil || s.Phase() != protocol.PhaseRunning {
		return 0
	}
	return len(s.Slots)
}

// Ready tells whether the pod does what is wanted of it: control has been read,
// and one of its processes has started well, or none is wanted. To be cordoned
// changes nothing about it: a ReplicaSet removes pods that are not ready first, so
// one that became less ready would go while it works, and one that became more ready
// would stay in place of another.
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

// Interrupted tells whether the pod ends before its batch run does.
func (s *State) Interrupted() bool {
	return s.Settings.Run != "" && !s.finishing && !s.allDone()
}

// allDone tells whether no slot will have a process again.
func (s *State) allDone() bool {
	for i := range s.Slots {
		if !s.Slots[i].Done {
			return false
		}
	}
	return len(s.Slots) > 0
}

// Left is how many processes run or are about to.
func (s *State) Left() int {
	left := 0
	for i := range s.Slots {
		if s.Slots[i].Running() || s.Slots[i].starting {
			left++
		}
	}
	return left
}
