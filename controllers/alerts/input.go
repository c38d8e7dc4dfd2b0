// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"time"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/desired"
	"queueworker.dev/queueworker/controllers/throughput"
)

const (
	// Window is the time over which failures and crashes count.
	Window = throughput.ShareWindow
	// Recheck is how soon an alert that is true is looked at again.
	Recheck = 15 * time.Second

	// slowHold is how long SlowJobs stays after the last slow job.
	slowHold = time.Minute
	// rewordAfter is the shortest time between two wordings of one alert.
	rewordAfter = time.Minute
	// maxEnds is how many crashes, and how many restarts, are remembered at the most, unless
	// the spec asks for an alert after more. An agent can invent them.
	maxEnds = 100
	// memorySlack is how many points below its threshold MemoryHigh ends.
	memorySlack = 5
)

// Input is all that Decide goes by.
type Input struct {
	Now   time.Time
	Rules Rules
	// Was are the alerts that the status tells of.
	Was []Alert
	// Processes are the running processes.
	Processes []Process
	// Jobs are those that ended of late, counted since Watched.
	Jobs    []throughput.Bucket
	Watched time.Time
	// Failures are the last failed jobs, Ends the last ended processes, in any order.
	Failures []Failure
	Ends     []End
	// Pause is the pause that the status tells of, nil if there was none; Token the
	// annotation resumedAt as it is now.
	Pause *v1alpha1.FailurePause
	Token string
	// Memory is that of the last decision.
	Memory Memory
}

// Rules are what a pool's spec says.
type Rules struct {
	MemoryPercent  int64
	MemoryFor      time.Duration
	SlowJobPercent int64
	FailedPercent  int64
	FailedMinimum  int64
	Crashes        int
	// Memory is what a process may use, in bytes; Timeout how long a job may run, 0 for ever.
	Memory  int64
	Timeout time.Duration
	// MaxExceptions is after how many failures in a row a process is replaced; 0 never.
	MaxExceptions int32
	// Pause tells that the pool is to be paused when its jobs fail.
	Pause bool
}

// RulesOf are the rules of a spec, with the defaults of the CRD where it says nothing.
func RulesOf(spec *v1alpha1.QueueWorkerSpec) Rules {
	set := v1alpha1.Alerts{}
	if spec.Alerts != nil {
		set = *spec.Alerts
	}
	rules := Rules{
		MemoryPercent:  int64(or(set.MemoryPercent, 80)),
		MemoryFor:      2 * time.Minute,
		SlowJobPercent: int64(or(set.SlowJobPercent, 80)),
		FailedPercent:  int64(or(set.FailedPercent, 10)),
		FailedMinimum:  int64(or(set.FailedMinimum, 10)),
		Crashes:        int(or(set.Crashes, 3)),
		Memory:         desired.ProcessMemory(spec),
		Timeout:        desired.Timeout(spec),
		MaxExceptions:  spec.MaxExceptions,
		Pause:          spec.OnFailing == v1alpha1.OnFailingPause,
	}
	if set.MemoryFor != nil {
		rules.MemoryFor = set.MemoryFor.Duration
	}
	return rules
}

func or(set *int32, otherwise int32) int32 {
	if set == nil {
		return otherwise
	}
	return *set
}

// MemoryLimit is above how many bytes a process is watched for its memory; 0 for never.
func (r Rules) MemoryLimit() int64 { return r.Memory / 100 * r.MemoryPercent }

// SlowAfter is how old a slow job is; 0 if none is slow.
func (r Rules) SlowAfter() time.Duration { return r.Timeout / 100 * time.Duration(r.SlowJobPercent) }

// Process is a worker process.
type Process struct {
	// Name is its pod's name with its slot, as in the status's rows.
	Name string
	PID  int32
	// Memory is what it uses, in bytes.
	Memory int64
	// Working tells that it works on a job, of this class and age.
	Working bool
	Class   string
	Age     time.Duration
}

// Failure is a job that failed for good, in the process of this name.
type Failure struct {
	Process, Class, Exception string
	At                        time.Time
}

// End is a process that ended in a way that is worth an alert.
type End struct {
	// ID tells ends apart, across reports.
	ID string
	// Process is the process's name.
	Process string
	// MaxExceptions tells that it was replaced for that; else it crashed.
	MaxExceptions bool
	// Message says it in a sentence.
	Message string
	At      time.Time
}

// Alert is a condition that is true.
type Alert struct {
	Type, Reason, Message string
}

// Memory is what one decision leaves to the next.
type Memory struct {
	// High are the processes above their memory threshold, by name.
	High map[string]Mark
	// Slow is when a slow job was last seen.
	Slow time.Time
	// Ends are those of the last Window, at most maxEnds of a kind, of which only the newest
	// has its message.
	Ends map[string]End
	// Worded is when each alert was last worded, by type.
	Worded map[string]time.Time
}

// Mark is since when a process has been above its threshold.
type Mark struct {
	PID   int32
	Since time.Time
}

// Output is what was decided.
type Output struct {
	// Alerts are those that are true, sorted by type.
	Alerts []Alert
	// Pause is what the status is to say of the pause; nil as long as there was none.
	Pause *v1alpha1.FailurePause
	// Recheck is after how long to look again; 0 means when something has changed.
	Recheck time.Duration
	Memory  Memory
}
