// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"time"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Input holds everything that decides about a pool's runs.
type Input struct {
	Now time.Time
	// Name and UID are the name and UID of the QueueWorker.
	Name, UID string
	// Unseen is when the QueueWorker was created, if no operator has looked at it yet.
	Unseen time.Time
	Spec   Spec
	// Past is the present status; nil if it says nothing about runs yet.
	Past *v1alpha1.BatchStatus
	// Runs are the pool's Jobs.
	Runs []Run
	// Blocked says in a sentence why no run can be started now; empty if a run can be
	// started.
	Blocked string
	// Told is the run that the control document tells to finish.
	Told string
	// Work describes the work that is left, and the workers that do it.
	Work Work
}

// Spec is the part of the QueueWorker's spec that concerns runs.
type Spec struct {
	// Removed reports whether the pool is not of mode Batch: it shall have no runs.
	Removed bool
	// Stopped ends a run, and Paused suspends it. With either, no run is started.
	Stopped, Paused bool
	// Schedule and TimeZone say when runs begin. If empty, a run begins once, and on
	// request.
	Schedule, TimeZone string
	// Token is the value of the annotation runAt; empty if there is none.
	Token string
	// WaitForDelayed reports whether delayed jobs are part of the run.
	WaitForDelayed bool
	// KeepComplete and KeepFailed are how many ended runs are kept.
	KeepComplete, KeepFailed int32
}

// resting reports whether no run begins, and no run is told to finish.
func (s Spec) resting() bool { return s.Stopped || s.Paused || s.Removed }

// Run is a Job of the pool.
type Run struct {
	Name    string
	Created time.Time
	// Outcome is empty until the Job has ended, which was at Ended.
	Outcome v1alpha1.RunOutcome
	Ended   time.Time
	// Leaving reports whether the Job is being deleted.
	Leaving bool
	// Living counts the run's pods that have not ended.
	Living int
}

// Work is the known state of the open run's work.
type Work struct {
	// Unmeasured reports whether the backlog is not measured: the workers then end by
	// themselves.
	Unmeasured bool
	// Changed reports whether the measured queues are not the queues that the run's
	// workers process.
	Changed bool
	// Known reports whether the last measurement succeeded. It was taken at MeasuredAt.
	Known                    bool
	MeasuredAt               time.Time
	Ready, Delayed, Reserved int64
	// Busy is the number of processes that work on a job.
	Busy int
	// LastActivity is the time since when the workers' reports have shown nothing new.
	LastActivity time.Time
	// Unheard counts the running pods that have not reported since the measurement.
	// Silent counts the pods that have not answered for long.
	Unheard, Silent int
}

// Output is the decision.
type Output struct {
	// Start is the name of the run to start; empty if none.
	Start string
	// Finish is the run whose workers shall end; empty if none.
	Finish string
	// End lists the runs to end before they are over. Their pods are deleted too, and
	// each finishes its jobs within its grace period.
	End []string
	// Prune lists the ended runs to delete.
	Prune []string
	// Measure reports whether a fresh measurement would decide, and Hear whether fresh
	// reports of the workers would.
	Measure, Hear bool
	// Open is the run that has not ended; nil if there is none.
	Open *Run
	// Left is how many Jobs there are.
	Left int
	// Closed lists the runs that the status reports as ended for the first time.
	Closed []string
	// Skipped says for each skipped run why it is not started.
	Skipped []string
	// Status is the new status of the runs.
	Status v1alpha1.BatchStatus
	// Invalid says why the schedule cannot be used; empty if it can.
	Invalid string
	// Message says in a sentence what the run waits for.
	Message string
	// Recheck is the time after which to decide again without news; 0 means not at all.
	Recheck time.Duration
}
