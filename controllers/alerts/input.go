// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"time"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/throughput"
)

const (
	// Window is the time over which failures and crashes count.
	Window = throughput.ShareWindow
	// Recheck is how soon an alert that is true is looked at again.
	Recheck = 15 * time.Second

	// slowHold is how long SlowJobs stays after the last slow job.
	slowHold = time.Minute
	// rewordAfter is the shortest time between two wordings of an alert.
	rewordAfter = time.Minute
	// maxEnds is how many crashes, and how many restarts, are remembered, unless the spec
	// asks for an alert after more. It is bounded because an agent can invent them.
	maxEnds = 100
	// memorySlack is how many points below its threshold MemoryHigh ends.
	memorySlack = 5
)

// Input holds everything that Decide uses.
type Input struct {
	Now   time.Time
	Rules Rules
	// Was holds the alerts in the present status.
	Was []Alert
	// Processes are the running processes.
	Processes []Process
	// Jobs are the jobs that ended recently, counted since Watched.
	Jobs    []throughput.Bucket
	Watched time.Time
	// Failures are the last failed jobs, Ends the last ended processes, in any order.
	Failures []Failure
	Ends     []End
	// Pause is the pause in the present status, nil if there was none. Token is the
	// present value of the annotation resumedAt.
	Pause *v1alpha1.FailurePause
	Token string
	// Memory is the memory of the last decision.
	Memory Memory
}

// Rules are the rules in a pool's spec.
type Rules struct {
	MemoryPercent  int64
	MemoryFor      time.Duration
	SlowJobPercent int64
	FailedPercent  int64
	FailedMinimum  int64
	Crashes        int
	// Memory is what a process may use, in bytes. Timeout is how long a job may run; 0
	// means for ever.
	Memory  int64
	Timeout time.Duration
	// MaxExceptions is the number of failures in a row after which a process is
	// replaced; 0 means never.
	MaxExceptions int32
	// Pause reports whether the pool is paused when its jobs fail.
	Pause bool
}

// RulesOf returns the rules of a spec.
func RulesOf(spec *v1alpha1.QueueWorkerSpec) Rules {
	set := effective.AlertsOf(spec)
	return Rules{
		MemoryPercent:  int64(set.MemoryPercent),
		MemoryFor:      set.MemoryFor,
		SlowJobPercent: int64(set.SlowJobPercent),
		FailedPercent:  int64(set.FailedPercent),
		FailedMinimum:  int64(set.FailedMinimum),
		Crashes:        int(set.Crashes),
		Memory:         effective.Memory(spec),
		Timeout:        effective.Timeout(spec),
		MaxExceptions:  spec.MaxExceptions,
		Pause:          spec.OnFailing == v1alpha1.OnFailingPause,
	}
}

// MemoryLimit returns the memory in bytes above which a process is watched; 0 means
// never.
func (r Rules) MemoryLimit() int64 { return r.Memory / 100 * r.MemoryPercent }

// SlowAfter returns the age at which a job is slow; 0 means that no job is slow.
func (r Rules) SlowAfter() time.Duration { return r.Timeout / 100 * time.Duration(r.SlowJobPercent) }

// Process is a worker process.
type Process struct {
	// Name is the pod's name and the slot, as in the status's rows.
	Name string
	PID  int32
	// Memory is the memory that the process uses, in bytes.
	Memory int64
	// Working reports whether the process works on a job, of this class and age.
	Working bool
	Class   string
	Age     time.Duration
}

// Failure is a job that failed for good, in the process of this name.
type Failure struct {
	Process, Class, Exception string
	At                        time.Time
}

// End is the end of a process that is worth an alert.
type End struct {
	// ID distinguishes ends, across reports.
	ID string
	// Process is the process's name.
	Process string
	// MaxExceptions reports whether the process was replaced for maxExceptions;
	// otherwise it crashed.
	MaxExceptions bool
	// Message describes the end in a sentence.
	Message string
	At      time.Time
}

// Alert is a condition that is true.
type Alert struct {
	Type, Reason, Message string
}

// Memory is what one decision passes to the next.
type Memory struct {
	// High holds the processes above their memory threshold, by name.
	High map[string]Mark
	// Slow is when a slow job was last seen.
	Slow time.Time
	// Ends holds the ends of the last Window: the newest of each kind, at most maxEnds
	// unless the spec asks for more. Only the newest of a kind has its message.
	Ends map[string]End
	// Worded is when each alert was last worded, by type.
	Worded map[string]time.Time
}

// Mark says since when a process has been above its threshold.
type Mark struct {
	PID   int32
	Since time.Time
}

// Output is the decision.
type Output struct {
	// Alerts are the alerts that are true, sorted by type.
	Alerts []Alert
	// Pause is the new status of the pause; nil as long as there was none.
	Pause *v1alpha1.FailurePause
	// Recheck is the time after which to look again; 0 means when something has changed.
	Recheck time.Duration
	Memory  Memory
}
