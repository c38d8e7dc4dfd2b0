// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"time"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Input is all that decides about a pool's runs.
type Input struct {
	Now time.Time
	// Name and UID are the QueueWorker's.
	Name, UID string
	// Unseen is when the QueueWorker was created, if no operator has looked at it yet.
	Unseen time.Time
	Spec   Spec
	// Past is what the status says; nil if it says nothing of runs yet.
	Past *v1alpha1.BatchStatus
	// Runs are the pool's Jobs.
	Runs []Run
	// Blocked says in a sentence why no run can be started now; empty if one can.
	Blocked string
	// Told is the run that the control document says is to finish.
	Told string
	// Work is what is left to do and who does it.
	Work Work
}

// Spec is what the QueueWorker asks for.
type Spec struct {
	// Removed tells that the pool is not of mode Batch: it shall have no runs.
	Removed bool
	// Stopped ends a run, and Paused suspends it; with either none is started.
	Stopped, Paused bool
	// Schedule and TimeZone say when runs begin; empty: once, and on request.
	Schedule, TimeZone string
	// Token is the value of the annotation runAt; empty if there is none.
	Token string
	// WaitForDelayed tells that delayed jobs are part of the run.
	WaitForDelayed bool
	// KeepComplete and KeepFailed are how many ended runs are kept.
	KeepComplete, KeepFailed int32
}

// resting tells that no run begins and none is told to finish.
func (s Spec) resting() bool { return s.Stopped || s.Paused || s.Removed }

// Run is a Job of the pool.
type Run struct {
	Name    string
	Created time.Time
	// Outcome is empty until the Job has ended, which was at Ended.
	Outcome v1alpha1.RunOutcome
	Ended   time.Time
	// Leaving tells that it is being deleted.
	Leaving bool
	// Living are its pods that have not ended.
	Living int
}

// Work is what is known of the work of the open run.
type Work struct {
	// Unmeasured tells that nobody measures what waits: its workers end by themselves.
	Unmeasured bool
	// Changed tells that what is measured is not what the workers of the run work off.
	Changed bool
	// Known tells that the last measurement succeeded; it was taken at MeasuredAt.
	Known                    bool
	MeasuredAt               time.Time
	Ready, Delayed, Reserved int64
	// Busy are the processes that work on a job.
	Busy int
	// Quiet is since when the reports of the workers have told of nothing new.
	Quiet time.Time
	// Unheard are the running pods that were not heard of since the measurement, and
	// Silent those that have not answered for long.
	Unheard, Silent int
}

// Output is what to do.
type Output struct {
	// Start is the name of the run to be started; empty if none is.
	Start string
	// Finish is the run whose workers are to end; empty if none's are.
	Finish string
	// End are the runs to be ended before they are over: with their pods, each of
	// which finishes its jobs within its grace period.
	End []string
	// Prune are ended runs to be deleted.
	Prune []string
	// Measure tells that a fresh measurement would decide, and Hear that fresh reports of
	// the workers would.
	Measure, Hear bool
	// Open is the run that has not ended; nil if there is none.
	Open *Run
	// Left is how many Jobs there are.
	Left int
	// Closed are the runs that the status says for the first time have ended.
	Closed []string
	// Skipped say why a run that was due is not started.
	Skipped []string
	// Status is what the status says of the runs from now on.
	Status v1alpha1.BatchStatus
	// Invalid says why the schedule cannot be used; empty if it can.
	Invalid string
	// Message says in a sentence what is waited for.
	Message string
	// Recheck is after how long to decide again without news; 0 means not at all.
	Recheck time.Duration
}
