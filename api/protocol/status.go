// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// The paths an agent serves, all read-only.
const (
	StatusPath  = "/status"
	MetricsPath = "/metrics"
	HealthPath  = "/healthz"
	ReadyPath   = "/readyz"
)

// MaxStatusBytes bounds a status document; the operator refuses a larger one.
const MaxStatusBytes = 256 << 10

// Phase is what a pod as a whole does.
type Phase string

// The phases of a pod.
const (
	// PhaseRunning means that processes are wanted and kept alive.
	PhaseRunning Phase = "Running"
	// PhasePaused means that no process is wanted because of Control.Paused.
	PhasePaused Phase = "Paused"
	// PhaseCordoned means that no process is wanted because of Control.Cordoned. An
	// agent that does not know that field never reports it.
	PhaseCordoned Phase = "Cordoned"
	// PhaseFinishing means that no process is wanted because of Control.Finish.
	PhaseFinishing Phase = "Finishing"
	// PhaseTerminating means that the pod was asked to end.
	PhaseTerminating Phase = "Terminating"
)

// WorkerState is what the process in one slot does.
type WorkerState string

// The states of a slot; they are those of the QueueWorker API.
const (
	WorkerStarting   WorkerState = "Starting"
	WorkerIdle       WorkerState = "Idle"
	WorkerBusy       WorkerState = "Busy"
	WorkerRetiring   WorkerState = "Retiring"
	WorkerPaused     WorkerState = "Paused"
	WorkerBackingOff WorkerState = "BackingOff"
	WorkerStopped    WorkerState = "Stopped"
)

// ExitReason is why a process ended.
type ExitReason string

// The reasons for which a process ends.
const (
	// ExitMaxJobs: it had done MaxJobs jobs.
	ExitMaxJobs ExitReason = "MaxJobs"
	// ExitMaxTime: it had run for MaxTimeSeconds.
	ExitMaxTime ExitReason = "MaxTime"
	// ExitMemory: it used more than its memory, by its own measure (exit 12) or the agent's.
	ExitMemory ExitReason = "Memory"
	// ExitJobTimeout: its job ran longer than TimeoutSeconds and it was killed, by itself or the agent.
	ExitJobTimeout ExitReason = "JobTimeout"
	// ExitOOMKilled: the kernel killed it because the container reached its memory limit.
	ExitOOMKilled ExitReason = "OOMKilled"
	// ExitMaxExceptions: MaxExceptions jobs in a row had failed for good.
	ExitMaxExceptions ExitReason = "MaxExceptions"
	// ExitRestartRequested: the application asked its workers to restart (queue:restart)
	// or a restart token changed.
	ExitRestartRequested ExitReason = "RestartRequested"
	// ExitPaused: it was asked to end because the pool was paused.
	ExitPaused ExitReason = "Paused"
	// ExitDrained: it was asked to end because its pod was cordoned or being removed, and
	// finished its job.
	ExitDrained ExitReason = "Drained"
	// ExitFinished: its batch run is over: it was asked to end, or found its queues
	// empty where that is the end.
	ExitFinished ExitReason = "Finished"
	// ExitGraceExceeded: its pod's grace period was over before its job was, and it was killed.
	ExitGraceExceeded ExitReason = "GraceExceeded"
	// ExitKilledOnRequest: a kill token changed.
	ExitKilledOnRequest ExitReason = "KilledOnRequest"
	// ExitKilled: a signal from elsewhere ended it.
	ExitKilled ExitReason = "Killed"
	// ExitCrashed: it failed, for example by a PHP fatal error (exit 255).
	ExitCrashed ExitReason = "Crashed"
	// ExitConfigError: it ended at once, without a job, because of its configuration:
	// an unknown connection or option, no database.
	ExitConfigError ExitReason = "ConfigError"
	// ExitCommandNotFound: its command does not exist or cannot be executed.
	ExitCommandNotFound ExitReason = "CommandNotFound"
)

// Intended tells whether an end for this reason is part of normal life, so that
// the successor starts at once.
func (r ExitReason) Intended() bool {
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
	// Released is the number of attempts that ended without success and put their job back.
	Released int64 `json:"released"`
	// JobMilliseconds is the time spent on ended attempts.
	JobMilliseconds int64 `json:"jobMilliseconds"`
	// Exits are the ended processes by reason.
	Exits map[ExitReason]int64 `json:"exits,omitempty"`
}

// Attempts is the number of attempts that ended, however they did.
func (c Counters) Attempts() int64 { return c.Processed + c.Failed + c.Released }

// Status is what an agent tells of its pod.
type Status struct {
	// Version is the protocol version the agent speaks.
	Version int `json:"version"`
	// Agent is the agent's own version.
	Agent string `json:"agent,omitempty"`
	// PodUID is the UID of the pod, so that an answer from a reused address is not
	// taken for another pod's.
	PodUID string `json:"podUID"`
	// ControlRevision is the revision of the control document obeyed; 0 means none was read yet.
	ControlRevision int64 `json:"controlRevision"`
	// ControlError says why the newest control document could not be read; empty if it could.
	ControlError string `json:"controlError,omitempty"`
	// Phase is what the pod as a whole does.
	Phase Phase `json:"phase"`
	// Ready is what ReadyPath answers.
	Ready bool `json:"ready"`
	// UptimeSeconds is the age of the agent.
	UptimeSeconds float64 `json:"uptimeSeconds"`
	// Counters are the pod's counts.
	Counters Counters `json:"counters"`
	// Workers are the slots, by number.
	Workers []Worker `json:"workers,omitempty"`
	// Runtime is what the agent found out about the worker program; absent until it has.
	Runtime *RuntimeFacts `json:"runtime,omitempty"`
	// Network is the pod's traffic, loopback aside.
	Network Network `json:"network"`
	// RecentExits are the last ended processes of the pod, newest first, at most 10.
	RecentExits []Exit `json:"recentExits,omitempty"`
	// RecentFailures are the last jobs of the pod that failed for good, newest first, at
	// most 10.
	RecentFailures []Failure `json:"recentFailures,omitempty"`
	// KilledJobs are the jobs that kill tokens have cut short, newest first, at most
	// MaxKilledJobs.
	KilledJobs []KilledJob `json:"killedJobs,omitempty"`
}

// MaxKilledJobs bounds Status.KilledJobs: as many as a pod may have processes.
const MaxKilledJobs = 64

// KilledJob is a job that was cut short on request.
type KilledJob struct {
	// Sequence is that of the Exit of its process.
	Sequence int64 `json:"sequence"`
	// Class and ID are the job's where the worker prints them.
	Class string `json:"class,omitempty"`
	ID    string `json:"id,omitempty"`
	// AgeSeconds is how long ago it was.
	AgeSeconds float64 `json:"ageSeconds"`
}

// Drained tells whether the pod takes no more jobs and works on none: it obeys
// Control.Cordoned and none of its slots has a process. It stays so until a document
// with a higher revision un-cordons it, so it proves something only of the document
// that ControlRevision names: compare it with the revision that was written.
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
	// PID is the process id; 0 while none runs.
	PID int32 `json:"pid,omitempty"`
	// State is what it does.
	State WorkerState `json:"state"`
	// AgeSeconds is the age of the process.
	AgeSeconds float64 `json:"ageSeconds,omitempty"`
	// Processed and Failed are the slot's jobs since the pod started.
	Processed int64 `json:"processed"`
	Failed    int64 `json:"failed"`
	// FailuresInARow is how many jobs of the process have failed for good since the last
	// one that succeeded.
	FailuresInARow int64 `json:"failuresInARow,omitempty"`
	// MemoryBytes is the proportional set size of the process with its descendants.
	MemoryBytes int64 `json:"memoryBytes,omitempty"`
	// CPUSeconds is the CPU time the slot's processes have used since the pod started.
	CPUSeconds float64 `json:"cpuSeconds,omitempty"`
	// CPUCores is the CPU used of late, in cores.
	CPUCores float64 `json:"cpuCores,omitempty"`
	// Job is the job worked on.
	Job *Job `json:"job,omitempty"`
	// LastExit is the last ended process of the slot.
	LastExit *Exit `json:"lastExit,omitempty"`
	// RecycleDue tells that its process has reached its limit and the pod is to be
	// replaced, until a new process starts in it.
	RecycleDue bool `json:"recycleDue,omitempty"`
	// NextStartSeconds is how long a crashed process's successor still waits.
	NextStartSeconds float64 `json:"nextStartSeconds,omitempty"`
}

// Job is a job being worked on.
type Job struct {
	ID    string `json:"id,omitempty"`
	Class string `json:"class,omitempty"`
	Queue string `json:"queue,omitempty"`
	// AgeSeconds is how long it has been worked on.
	AgeSeconds float64 `json:"ageSeconds"`
}

// Failure is a job that has failed for good.
type Failure struct {
	// Slot is the slot of the process it failed in.
	Slot  int32  `json:"slot"`
	ID    string `json:"id,omitempty"`
	Class string `json:"class,omitempty"`
	Queue string `json:"queue,omitempty"`
	// Exception is the class of what was thrown, where the worker prints it.
	Exception string `json:"exception,omitempty"`
	// AgeSeconds is how long ago it was.
	AgeSeconds float64 `json:"ageSeconds"`
}

// Exit is one ended process.
type Exit struct {
	// Sequence numbers the ended processes of a pod from 1; it never repeats, also
	// across restarts of the container.
	Sequence int64 `json:"sequence"`
	// Slot is the slot the process ran in.
	Slot int32 `json:"slot"`
	// Reason is why it ended.
	Reason ExitReason `json:"reason"`
	// Code is its exit code, or 128 plus Signal.
	Code int32 `json:"code"`
	// Signal is the number of the signal that ended it, or 0.
	Signal int32 `json:"signal,omitempty"`
	// Message says it in a sentence, with what the worker printed last where that helps.
	Message string `json:"message,omitempty"`
	// AgeSeconds is how long ago it was.
	AgeSeconds float64 `json:"ageSeconds"`
	// UptimeSeconds is how long the process had run.
	UptimeSeconds float64 `json:"uptimeSeconds"`
	// JobClass is the class of the job it was working on, if any.
	JobClass string `json:"jobClass,omitempty"`
}

// RuntimeFacts are what the agent found out about the worker program by asking it.
type RuntimeFacts struct {
	// GracefulStop tells whether the worker finishes its job on SIGTERM.
	GracefulStop bool `json:"gracefulStop"`
	// GracefulStopReason is why it does not: "NoPcntl" or "ShellWrapper".
	GracefulStopReason string `json:"gracefulStopReason,omitempty"`
	// Dialect is how its output is read: "json", "text", "brackets" or "patterns".
	Dialect string `json:"dialect,omitempty"`
	// Version is the framework's version as it tells it, such as 8.83.26; empty if unknown.
	Version string `json:"version,omitempty"`
	// Findings are what the agent has found out about the image and the application's
	// settings; empty until it has looked.
	Findings []Finding `json:"findings,omitempty"`
}

// Network is traffic in bytes since the pod started.
type Network struct {
	ReceivedBytes    int64 `json:"receivedBytes"`
	TransmittedBytes int64 `json:"transmittedBytes"`
}

// MaxFinalBytes is the most a container's termination message can hold.
const MaxFinalBytes = 4096

// Final is an agent's last word, written as the container's termination message
// whenever counts change while it stops.
type Final struct {
	// Version is the protocol version.
	Version int `json:"version"`
	// Counters are the pod's counts.
	Counters Counters `json:"counters"`
	// Complete tells that no process was left when it was written.
	Complete bool `json:"complete"`
	// Message is the last exit worth telling, in a sentence.
	Message string `json:"message,omitempty"`
	// Killed are the newest of Status.KilledJobs.
	Killed []KilledJob `json:"killed,omitempty"`
}
