// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import "time"

// Code names what a command tells the user. Each user interface has its own words for it:
// the plugin a sentence with a command line, a page a button.
type Code string

// Outcomes. They say what is true of the QueueWorker once the patches are written.
const (
	Started         Code = "Started"
	NotStopped      Code = "NotStopped"
	Stopped         Code = "Stopped"
	AlreadyStopped  Code = "AlreadyStopped"
	Killed          Code = "Killed"
	Paused          Code = "Paused"
	AlreadyPaused   Code = "AlreadyPaused"
	PausedUntil     Code = "PausedUntil"
	Resumed         Code = "Resumed"
	NotPaused       Code = "NotPaused"
	Restarted       Code = "Restarted"
	PodsReplaced    Code = "PodsReplaced"
	Scaled          Code = "Scaled"
	AlreadyScaled   Code = "AlreadyScaled"
	Bounded         Code = "Bounded"
	AlreadyBounded  Code = "AlreadyBounded"
	RunRequested    Code = "RunRequested"
	WorkerRetired   Code = "WorkerRetired"
	AlreadyRetired  Code = "AlreadyRetired"
	WorkerKilled    Code = "WorkerKilled"
	WorkerPaused    Code = "WorkerPaused"
	PausedBefore    Code = "PausedBefore"
	WorkerResumed   Code = "WorkerResumed"
	WorkerNotPaused Code = "WorkerNotPaused"
	WorkerRestarted Code = "WorkerRestarted"
)

// Notes. They say what the user may not expect.
const (
	// StillPaused: the pool has pods again, but it is paused.
	StillPaused Code = "StillPaused"
	// StillStopped: the pause changed, but the pool is stopped.
	StillStopped Code = "StillStopped"
	// PoolPaused: the worker's own pause has ended, but its pool is paused.
	PoolPaused Code = "PoolPaused"
	// NoProcesses: the pool is started with a size of 0.
	NoProcesses Code = "NoProcesses"
	// NoneWhileStopped: the size of a stopped pool counts once it is started.
	NoneWhileStopped Code = "NoneWhileStopped"
	// WholePods: the size is rounded up to To, because a pod holds PerPod processes.
	WholePods Code = "WholePods"
	// FromNextRun: the size of a Batch pool counts from its next run.
	FromNextRun Code = "FromNextRun"
	// ReplacedIfNeeded: autoscaling may replace the worker.
	ReplacedIfNeeded Code = "ReplacedIfNeeded"
)

// InterruptsJobs is the one danger: processes are killed in the middle of Jobs. Tries says
// what becomes of an interrupted job.
const InterruptsJobs Code = "InterruptsJobs"

// Refusals of a change to a QueueWorker.
const (
	ForeignPod          Code = "ForeignPod"
	PodLeaving          Code = "PodLeaving"
	PausedWithoutEnd    Code = "PausedWithoutEnd"
	PauseInPast         Code = "PauseInPast"
	WorkerPauseHasNoEnd Code = "WorkerPauseHasNoEnd"
	PodsOfOneWorker     Code = "PodsOfOneWorker"
	RunKeepsPods        Code = "RunKeepsPods"
	RunKeepsWorkers     Code = "RunKeepsWorkers"
	SizeMissing         Code = "SizeMissing"
	SizeAndBounds       Code = "SizeAndBounds"
	AutoscalingDecides  Code = "AutoscalingDecides"
	NoBounds            Code = "NoBounds"
	BoundsCross         Code = "BoundsCross"
	NotBatch            Code = "NotBatch"
	RunOfStopped        Code = "RunOfStopped"
	RunOfPaused         Code = "RunOfPaused"
	RunNotOver          Code = "RunNotOver"
)

// Refusals of a new QueueWorker.
const (
	NameInvalid        Code = "NameInvalid"
	QueueMissing       Code = "QueueMissing"
	MaximumMissing     Code = "MaximumMissing"
	ProcessesAndBounds Code = "ProcessesAndBounds"
	BatchMissing       Code = "BatchMissing"
	ValueMissing       Code = "ValueMissing"
	NotDuration        Code = "NotDuration"
	NotQuantity        Code = "NotQuantity"
	NotAmongWords      Code = "NotAmongWords"
	NotPair            Code = "NotPair"
)

// Message is a code with the values that its words need. A value that a code does not need
// is empty.
type Message struct {
	Code Code `json:"code"`
	// Worker is the name of the QueueWorker, Pod the name of the one worker's pod, Run the
	// name of a run.
	Worker string `json:"worker,omitempty"`
	Pod    string `json:"pod,omitempty"`
	Run    string `json:"run,omitempty"`
	// From and To are the pool's size in processes, before and after. They are equal if the
	// size stays.
	From int32 `json:"from,omitempty"`
	To   int32 `json:"to,omitempty"`
	// PerPod is the number of processes in a pod.
	PerPod int32 `json:"perPod,omitempty"`
	// Lowest and Highest are the bounds of autoscaling.
	Lowest  int32 `json:"lowest,omitempty"`
	Highest int32 `json:"highest,omitempty"`
	// Until is when a pause ends.
	Until time.Time `json:"until,omitzero"`
	// Jobs are the running jobs of InterruptsJobs, and More counts further jobs. Tries is how
	// often a job is attempted; 0 means without limit.
	Jobs  []Job `json:"jobs,omitempty"`
	More  int   `json:"more,omitempty"`
	Tries int32 `json:"tries,omitempty"`
	// Field is a field of the spec of a new QueueWorker, such as autoscaling.maxProcesses.
	// Given is its value, and Words are the values that it may have.
	Field string   `json:"field,omitempty"`
	Given string   `json:"given,omitempty"`
	Words []string `json:"words,omitempty"`
	// Limit is the maximum length of Given.
	Limit int `json:"limit,omitempty"`
}

// Job is a running job. Class and ID are empty if they are unknown.
type Job struct {
	Class string `json:"class,omitempty"`
	ID    string `json:"id,omitempty"`
	// Worker is the process that runs the job, as POD/NUMBER.
	Worker string `json:"worker"`
}

// A Refusal is the reason why a command does nothing.
type Refusal struct{ Message }

// Error returns the code, for logs. A user interface shows its own words.
func (r Refusal) Error() string { return "refused: " + string(r.Code) }

func refuse(message Message) error { return Refusal{message} }
