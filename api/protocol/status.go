// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// The paths that an agent serves, all read-only.
const (
	StatusPath  = "/status"
	MetricsPath = "/metrics"
	HealthPath  = "/healthz"
	ReadyPath   = "/readyz"
)

// MaxStatusBytes bounds a status document; the operator refuses a larger one.
const MaxStatusBytes = 256 << 10

// Phase is the state of a pod as a whole.
type Phase string

// The phases of a pod.
const (
	// PhaseRunning means that processes are wanted and kept alive.
	PhaseRunning Phase = "Running"
	// PhasePaused means that no process is wanted because of Control.Paused.
	PhasePaused Phase = "Paused"
	// PhaseCordoned means that no process is wanted because of Control.Cordoned. An agent
	// that does not know that field never reports this phase.
	PhaseCordoned Phase = "Cordoned"
	// PhaseFinishing means that no process is wanted because of Control.Finish.
	PhaseFinishing Phase = "Finishing"
	// PhaseTerminating means that the pod was asked to end.
	PhaseTerminating Phase = "Terminating"
)

// WorkerState is the state of the process in one slot.
type WorkerState string

// The states of a slot are the states in the QueueWorker API.
const (
	WorkerStarting   WorkerState = "Starting"
	WorkerIdle       WorkerState = "Idle"
	WorkerBusy       WorkerState = "Busy"
	WorkerRetiring   WorkerState = "Retiring"
	WorkerPaused     WorkerState = "Paused"
	WorkerBackingOff WorkerState = "BackingOff"
	WorkerStopped    WorkerState = "Stopped"
)

// ExitReason is the reason why a process ended.
type ExitReason string

// The reasons why a process ends.
const (
	// ExitMaxJobs: it had finished MaxJobs jobs.
	ExitMaxJobs ExitReason = "MaxJobs"
	// ExitMaxTime: it had run for MaxTimeSeconds.
	ExitMaxTime ExitReason = "MaxTime"
	// ExitMemory: it used more than its memory, by its own measure (exit 12) or the agent's.
	ExitMemory ExitReason = "Memory"
	// ExitJobTimeout: its job ran longer than TimeoutSeconds, and the process or the
	// agent killed the process.
	ExitJobTimeout ExitReason = "JobTimeout"
	// ExitOOMKilled: the kernel killed it because the container reached its memory limit.
	ExitOOMKilled ExitReason = "OOMKilled"
	// ExitMaxExceptions: MaxExceptions jobs in a row had failed for good.
	ExitMaxExceptions ExitReason = "MaxExceptions"
	// ExitRestartRequested: the application asked its workers to restart (queue:restart)
	// or a restart token changed.
	ExitRestartRequested ExitReason = "RestartRequested"
	// ExitPaused: the agent asked it to end because the pool was paused.
	ExitPaused ExitReason = "Paused"
	// ExitDrained: the agent asked it to end because its pod was cordoned or being
	// removed, and it finished its job.
	ExitDrained ExitReason = "Drained"
	// ExitFinished: its batch run is over. Either the agent asked it to end, or it found
	// its queues empty and Config.StopWhenEmpty was set.
	ExitFinished ExitReason = "Finished"
	// ExitGraceExceeded: the pod's grace period was over before its job, so the agent
	// killed it.
	ExitGraceExceeded ExitReason = "GraceExceeded"
	// ExitKilledOnRequest: a kill token changed.
	ExitKilledOnRequest ExitReason = "KilledOnRequest"
	// ExitKilled: a signal from outside the agent ended it.
	ExitKilled ExitReason = "Killed"
	// ExitCrashed: it failed, for example because of a PHP fatal error (exit 255).
	ExitCrashed ExitReason = "Crashed"
	// ExitConfigError: it ended at once, without a job, because of its configuration,
	// such as an unknown connection or option, or no database.
	ExitConfigError ExitReason = "ConfigError"
	// ExitCommandNotFound: its command does not exist or cannot be executed.
	ExitCommandNotFound ExitReason = "CommandNotFound"
)

// Intended reports whether a process that ends for this reason is part of normal
// operation, so that its successor starts at once.
func (r ExitReason) Intended() bool {
	//exhaustive:enforce
	switch r {
	case ExitMaxJobs, ExitMaxTime, ExitMemory, ExitMaxExceptions, ExitRestartRequested, ExitPaused, ExitDrained,
		ExitFinished, ExitKilledOnRequest:
		return true
	case ExitJobTimeout, ExitOOMKilled, ExitGraceExceeded, ExitKilled, ExitCrashed, ExitConfigError, ExitCommandNotFound:
		return false
	}
	return false
}

// Counters are counts since the pod started; they survive restarts of its container.
type Counters struct {
	// Processed is the number of jobs that succeeded.
	Processed int64 `json:"processed"`
	// Failed is the number of jobs that failed for good.
	Failed int64 `json:"failed"`
	// Released is the number of attempts that failed and put their job back.
	Released int64 `json:"released"`
	// JobMilliseconds is the time spent on finished attempts.
	JobMilliseconds int64 `json:"jobMilliseconds"`
	// Exits counts the ended processes by reason.
	Exits map[ExitReason]int64 `json:"exits,omitempty"`
}

// Attempts returns the number of attempts that ended, with any result.
func (c Counters) Attempts() int64 { return c.Processed + c.Failed + c.Released }

// Status is an agent's report about its pod.
type Status struct {
	// Version is the protocol version the agent speaks.
	Version int `json:"version"`
	// Agent is the agent's own version.
	Agent string `json:"agent,omitempty"`
	// PodUID is the UID of the pod, so that the operator does not take an answer from a
	// reused address for another pod's.
	PodUID string `json:"podUID"`
	// ControlRevision is the revision of the obeyed control document; 0 if none was read
	// yet.
	ControlRevision int64 `json:"controlRevision"`
	// ControlError says why the agent could not read the newest control document; empty
	// if it could.
	ControlError string `json:"controlError,omitempty"`
	// Phase is the state of the pod as a whole.
	Phase Phase `json:"phase"`
	// Ready is the answer of ReadyPath.
	Ready bool `json:"ready"`
	// UptimeSeconds is the age of the agent.
	UptimeSeconds float64 `json:"uptimeSeconds"`
	// Counters are the pod's counts.
	Counters Counters `json:"counters"`
	// Workers are the slots, by number.
	Workers []Worker `json:"workers,omitempty"`
	// Runtime is what the agent has learned about the worker program; absent until then.
	Runtime *RuntimeFacts `json:"runtime,omitempty"`
	// Network is the pod's traffic without loopback.
	Network Network `json:"network"`
	// RecentExits are the last ended processes of the pod, newest first, at most 10.
	RecentExits []Exit `json:"recentExits,omitempty"`
	// RecentFailures are the last jobs of the pod that failed for good, newest first, at
	// most 10.
	RecentFailures []Failure `json:"recentFailures,omitempty"`
	// KilledJobs are the jobs that kill tokens interrupted, newest first, at most
	// MaxKilledJobs.
	KilledJobs []KilledJob `json:"killedJobs,omitempty"`
}

// MaxKilledJobs bounds Status.KilledJobs. It is the greatest number of processes in a pod.
const MaxKilledJobs = 64

// KilledJob is a job that was interrupted on request.
type KilledJob struct {
	// Sequence is the sequence number of the Exit of its process.
	Sequence int64 `json:"sequence"`
	// Class and ID identify the job if the worker prints them.
	Class string `json:"class,omitempty"`
	ID    string `json:"id,omitempty"`
	// AgeSeconds is how long ago the job was killed.
	AgeSeconds float64 `json:"ageSeconds"`
}

// Drained reports whether the pod works on no job and takes none: it obeys
// Control.Cordoned, and no slot has a process. It stays so until a document with a higher
// revision uncordons it. So it proves something only about the document that
// ControlRevision names: compare that with the revision that was written.
func (s *Status) Drained() bool {
	if s.Phase != PhaseCordoned {
		return false
	}
	for i := range s.Workers {
		if s.Workers[i].PID != 0 {
			return false
		}
	}
	return true
}

// Worker is one slot of the pod.
type Worker struct {
	// Slot is the slot's number, from 0.
	Slot int32 `json:"slot"`
	// PID is the process id; 0 if no process runs.
	PID int32 `json:"pid,omitempty"`
	// State is the state of the slot.
	State WorkerState `json:"state"`
	// AgeSeconds is the age of the process.
	AgeSeconds float64 `json:"ageSeconds,omitempty"`
	// Processed and Failed are the slot's jobs since the pod started.
	Processed int64 `json:"processed"`
	Failed    int64 `json:"failed"`
	// FailuresInARow is the number of jobs of the process that failed for good since the
	// last job that succeeded.
	FailuresInARow int64 `json:"failuresInARow,omitempty"`
	// MemoryBytes is the proportional set size of the process with its descendants.
	MemoryBytes int64 `json:"memoryBytes,omitempty"`
	// CPUSeconds is the CPU time the slot's processes have used since the pod started.
	CPUSeconds float64 `json:"cpuSeconds,omitempty"`
	// CPUCores is the recent CPU usage, in cores.
	CPUCores float64 `json:"cpuCores,omitempty"`
	// Job is the job that the process is working on.
	Job *Job `json:"job,omitempty"`
	// LastExit is the last process of the slot that ended.
	LastExit *Exit `json:"lastExit,omitempty"`
	// RecycleDue reports whether the slot's process has reached its limit and its pod
	// needs replacement. It stays true until a new process starts in the slot.
	RecycleDue bool `json:"recycleDue,omitempty"`
	// NextStartSeconds is how long the successor of a crashed process still waits.
	NextStartSeconds float64 `json:"nextStartSeconds,omitempty"`
}

// Job is a job in progress.
type Job struct {
	ID    string `json:"id,omitempty"`
	Class string `json:"class,omitempty"`
	Queue string `json:"queue,omitempty"`
	// AgeSeconds is how long the job has been in progress.
	AgeSeconds float64 `json:"ageSeconds"`
}

// Failure is a job that failed for good.
type Failure struct {
	// Slot is the slot of the process in which the job failed.
	Slot  int32  `json:"slot"`
	ID    string `json:"id,omitempty"`
	Class string `json:"class,omitempty"`
	Queue string `json:"queue,omitempty"`
	// Exception is the class of the exception, if the worker prints it.
	Exception string `json:"exception,omitempty"`
	// AgeSeconds is how long ago the job failed.
	AgeSeconds float64 `json:"ageSeconds"`
}

// Exit describes one process that ended.
type Exit struct {
	// Sequence numbers the ended processes of a pod from 1. A number never repeats, even
	// across restarts of the container.
	Sequence int64 `json:"sequence"`
	// Slot is the slot the process ran in.
	Slot int32 `json:"slot"`
	// Reason is why the process ended.
	Reason ExitReason `json:"reason"`
	// Code is its exit code, or 128 plus Signal.
	Code int32 `json:"code"`
	// Signal is the number of the signal that ended it, or 0.
	Signal int32 `json:"signal,omitempty"`
	// Message says so in a sentence, with the worker's last output if that helps.
	Message string `json:"message,omitempty"`
	// AgeSeconds is how long ago the process ended.
	AgeSeconds float64 `json:"ageSeconds"`
	// UptimeSeconds is how long the process had run.
	UptimeSeconds float64 `json:"uptimeSeconds"`
	// JobClass is the class of the job that the process was working on, if any.
	JobClass string `json:"jobClass,omitempty"`
}

// RuntimeFacts are what the agent has learned about the worker program by asking it.
type RuntimeFacts struct {
	// GracefulStop reports whether the worker finishes its job on SIGTERM.
	GracefulStop bool `json:"gracefulStop"`
	// GracefulStopReason is why it does not: "NoPcntl" or "ShellWrapper".
	GracefulStopReason string `json:"gracefulStopReason,omitempty"`
	// Dialect is the format of its output: "json", "text", "brackets" or "patterns".
	Dialect string `json:"dialect,omitempty"`
	// Version is the version that the framework reports, such as 8.83.26; empty if unknown.
	Version string `json:"version,omitempty"`
	// Findings are the agent's findings about the image and the application's settings;
	// empty until it has checked them.
	Findings []Finding `json:"findings,omitempty"`
}

// Network is traffic in bytes since the pod started.
type Network struct {
	ReceivedBytes    int64 `json:"receivedBytes"`
	TransmittedBytes int64 `json:"transmittedBytes"`
}

// MaxFinalBytes is the most a container's termination message can hold.
const MaxFinalBytes = 4096

// Final is an agent's last report. The agent writes it as the container's termination
// message whenever counts change while it stops.
type Final struct {
	// Version is the protocol version.
	Version int `json:"version"`
	// Counters are the pod's counts.
	Counters Counters `json:"counters"`
	// Complete reports whether no process was left when the agent wrote the report.
	Complete bool `json:"complete"`
	// Message is the last exit worth reporting, in a sentence.
	Message string `json:"message,omitempty"`
	// Killed are the newest of Status.KilledJobs.
	Killed []KilledJob `json:"killed,omitempty"`
}
