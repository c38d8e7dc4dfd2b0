// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import "time"

// The defaults for values that Input does not give.
const (
	// Tick is the time between two measurements of a backlog.
	Tick = 5 * time.Second
	// DefaultTargetWait is the target where Spec.TargetWait is 0.
	DefaultTargetWait = time.Minute
	// DefaultStartLatency is the time a pod takes to start until it was measured.
	DefaultStartLatency = 15 * time.Second
	// StaleAfter is the age above which a measurement is not used.
	StaleAfter = time.Minute
)

// Input holds everything that decides how many processes a pool should have. Numbers that
// make no sense, such as negative counts or NaN, are taken for zero.
type Input struct {
	// Now is the present time.
	Now time.Time
	// Spec is the pool as the user wants it.
	Spec Spec
	// Stopped: the pool shall have no process. Paused: its processes take no jobs. Stopped
	// wins over Paused.
	Stopped bool
	Paused  bool
	// Current is the size wanted until now, in processes, without processes that are being
	// drained.
	Current int32
	// Busy is the number of these processes that work on a job.
	Busy int32
	// BusyTime is the sum of the times for which the running jobs have been running; 0 if
	// unknown.
	BusyTime time.Duration
	// Backlog is the pool's backlog; nil if it cannot be read, which holds the size.
	Backlog *Backlog
	// AgentsReadable is false if the agents' counts cannot be trusted. Busy and Completed
	// are then not used, and the size does not go down unless the backend itself says that
	// nothing waits and nothing is reserved. It is true for a pool without pods.
	AgentsReadable bool
	// Completed counts the work that the pool has completed.
	Completed Completed
	// StartLatency is the time from a pod's creation to its first look for a job; 0 until
	// it was measured.
	StartLatency time.Duration
	// Remembered is taken from the status; it is used while Memory is zero.
	Remembered Remembered
	// Memory is the memory of the last decision; zero after a restart of the operator.
	Memory Memory
}

// Spec describes the pool as the user wants it.
type Spec struct {
	// Min and Max bound the number of processes.
	Min, Max int32
	// TargetWait is the time within which a process shall begin a job; 0 means
	// DefaultTargetWait.
	TargetWait time.Duration
	// ExpectedJob is the time a job takes, used until it was measured; 0 if the user gives
	// none.
	ExpectedJob time.Duration
	// Timeout is the longest a job may take; 0 means no limit.
	Timeout time.Duration
	// Rest is the pause of a process after each job.
	Rest time.Duration
	// ScaleDownWindow is how long a smaller size must have been enough before the pool
	// shrinks; 0 means at once.
	ScaleDownWindow time.Duration
	// ScaleDownStep is the largest number of processes by which a pool shrinks per Tick; 0
	// means no limit.
	ScaleDownStep int32
	// ProcessesPerPod is the number of processes in one pod; 0 means 1.
	ProcessesPerPod int32
}

// Backlog is the sum of the jobs in the pool's queues.
type Backlog struct {
	// MeasuredAt is when the queues were asked.
	MeasuredAt time.Time
	// Ready jobs could be taken now. Delayed jobs are not due yet. Reserved jobs are being
	// worked on, also by processes outside the pool.
	Ready, Delayed, Reserved int64
	// DueSoon is the number of delayed jobs due before a pod started now would be ready.
	DueSoon int64
	// Oldest is how long the oldest ready job had been ready; nil if the backend does not
	// report it. The age is then worked out from the arrived and the ended jobs.
	Oldest *time.Duration
	// NextDue is the time from MeasuredAt until the next job becomes ready by itself; nil
	// if there is none.
	NextDue *time.Duration
}

// Completed holds counts since the pool was created. They only grow.
type Completed struct {
	// Attempts is the number of attempts that ended: processed, failed or released.
	Attempts int64
	// Seconds is the sum of the times they took.
	Seconds float64
}

// Remembered holds the figures that survive a restart of the operator.
type Remembered struct {
	// ServiceTime is Decision.ServiceTime; 0 if nothing was ever measured.
	ServiceTime time.Duration
	// ArrivalRate is Decision.ArrivalRate, in jobs a second.
	ArrivalRate float64
}

// Memory is what one decision passes to the next. It is a plain value that only Decide
// changes.
type Memory struct {
	// Since is when the memory began; zero means that nothing is remembered.
	Since time.Time `json:"since,omitzero"`
	// Measured is the last measurement that went into the rates.
	Measured Measurement `json:"measured,omitzero"`
	// Rate is the arrival rate, in jobs a second. Near zero it may be negative for a while,
	// because a job is seen to leave the queue before it is seen to have ended.
	Rate float64 `json:"rate,omitempty"`
	// RateSince is the time since when Rate is known.
	RateSince time.Time `json:"rateSince,omitzero"`
	// Attempts and Seconds sum up the ended attempts that make the service time. Older
	// attempts have less weight.
	Attempts float64 `json:"attempts,omitempty"`
	Seconds  float64 `json:"seconds,omitempty"`
	// Arrived records how many jobs had arrived by a time, oldest entry first. It gives the
	// age of the oldest job if the backend does not report it.
	Arrived []Arrival `json:"arrived,omitempty"`
	// Asked holds the sizes asked for within the scale-down window. Each is larger than the
	// sizes after it, because a smaller one no longer matters.
	Asked []Asked `json:"asked,omitempty"`
	// SteppedAt is when the size was last lowered.
	SteppedAt time.Time `json:"steppedAt,omitzero"`
	// Shown holds the figures last shown; they stay until they are clearly wrong.
	Shown Shown `json:"shown,omitzero"`
}

// Measurement holds the values from whose differences the rates are computed.
type Measurement struct {
	At time.Time `json:"at,omitzero"`
	// Inside is the number of ready and reserved jobs, Ready the number of ready jobs.
	Inside    float64   `json:"inside,omitempty"`
	Ready     float64   `json:"ready,omitempty"`
	Completed Completed `json:"completed,omitzero"`
	// Moved reports whether any job arrived or ended since the previous measurement.
	Moved bool `json:"moved,omitempty"`
}

// Arrival records how many jobs had ever arrived by At.
type Arrival struct {
	At   time.Time `json:"at"`
	Jobs float64   `json:"jobs"`
}

// Asked is a size that was asked for until At.
type Asked struct {
	At        time.Time `json:"at"`
	Processes int32     `json:"processes"`
}

// Shown holds the figures as users see them.
type Shown struct {
	ArrivalRate float64 `json:"arrivalRate,omitempty"`
	Service     float64 `json:"service,omitempty"`
	Ready       float64 `json:"ready,omitempty"`
	Left        float64 `json:"left,omitempty"`
	Clear       float64 `json:"clear,omitempty"`
	Enough      float64 `json:"enough,omitempty"`
	Utilisation float64 `json:"utilisation,omitempty"`
}
