// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import "time"

// What is assumed where Input does not say.
const (
	// Tick is the time between two measurements of a backlog.
	Tick = 5 * time.Second
	// DefaultTargetWait is the target where Spec.TargetWait is 0.
	DefaultTargetWait = time.Minute
	// DefaultStartLatency is what a pod takes to start until that was measured.
	DefaultStartLatency = 15 * time.Second
	// StaleAfter is the age from which on a measurement is no longer believed.
	StaleAfter = time.Minute
)

// Input is all that decides how many processes a pool should have. Numbers that make
// no sense, such as negative counts or NaN, are taken for zero.
type Input struct {
	// Now is the present.
	Now time.Time
	// Spec is what the user wants.
	Spec Spec
	// Stopped: the pool shall have no process. Paused: its processes take no jobs.
	// Stopped wins.
	Stopped bool
	Paused  bool
	// Current is the size wanted until now, in processes; those being drained are not
	// counted.
	Current int32
	// Busy is how many of them are working on a job.
	Busy int32
	// BusyTime is for how long the jobs being worked on have been running, together;
	// 0 if that is not known.
	BusyTime time.Duration
	// Backlog is what waits; nil if it cannot be read, which holds the size.
	Backlog *Backlog
	// AgentsReadable is false if what the agents count cannot be trusted: Busy and
	// Completed are then not used, and the size does not go down unless the backend
	// itself says that nothing waits and nothing is reserved. It is true for a pool
	// without pods.
	AgentsReadable bool
	// Completed is what the pool has got done.
	Completed Completed
	// StartLatency is what a pod takes from its creation to its first look for a job;
	// 0 until it was measured.
	StartLatency time.Duration
	// Remembered is what the status kept; it counts while Memory is zero.
	Remembered Remembered
	// Memory is that of the last decision; zero after a restart of the operator.
	Memory Memory
}

// Spec is what the user wants of a pool.
type Spec struct {
	// Min and Max bound the number of processes.
	Min, Max int32
	// TargetWait is the time within which a job shall be begun; 0 means
	// DefaultTargetWait.
	TargetWait time.Duration
	// ExpectedJob is how long a job takes, until that was measured; 0 if the user
	// does not say.
	ExpectedJob time.Duration
	// Timeout is the longest a job may take; 0 means no limit.
	Timeout time.Duration
	// Rest is the pause of a process after each job.
	Rest time.Duration
	// ScaleDownWindow is for how long a smaller size must have been enough before the
	// pool shrinks; 0 means at once.
	ScaleDownWindow time.Duration
	// ScaleDownStep is by how many processes a pool shrinks at most per Tick; 0 means
	// no limit.
	ScaleDownStep int32
	// ProcessesPerPod is the number of processes in one pod; 0 means 1.
	ProcessesPerPod int32
}

// Backlog is what the pool's queues hold, together.
type Backlog struct {
	// MeasuredAt is when they were asked.
	MeasuredAt time.Time
	// Ready jobs could be taken now. Delayed ones are not due yet. Reserved ones are
	// being worked on, also by processes of others.
	Ready, Delayed, Reserved int64
	// DueSoon is the number of delayed jobs due before a pod started now would be ready.
	DueSoon int64
	// Oldest is how long the oldest ready job had been ready; nil if the backend does
	// not tell. It is then worked out from what arrived and what ended.
	Oldest *time.Duration
	// NextDue is in how long, from MeasuredAt, the next job becomes ready by itself;
	// nil if there is none.
	NextDue *time.Duration
}

// Completed are counts since the pool was created. They only grow.
type Completed struct {
	// Attempts is the number of attempts that ended: processed, failed or released.
	Attempts int64
	// Seconds is how long they took together.
	Seconds float64
}

// Remembered is what survives a restart of the operator.
type Remembered struct {
	// ServiceTime is Decision.ServiceTime; 0 if nothing was ever measured.
	ServiceTime time.Duration
	// ArrivalRate is Decision.ArrivalRate, in jobs a second.
	ArrivalRate float64
}

// Memory is what a decision leaves to the next one. It is a plain value that nobody
// else changes.
type Memory struct {
	// Since is when it began; zero means that nothing is remembered.
	Since time.Time `json:"since,omitzero"`
	// Measured is the last measurement that went into the rates.
	Measured Measurement `json:"measured,omitzero"`
	// Rate is the arrival rate, in jobs a second. Around zero it may be negative for a
	// while: a job is seen to leave the queue before it is seen to have ended.
	Rate float64 `json:"rate,omitempty"`
	// RateSince is since when it is known.
	RateSince time.Time `json:"rateSince,omitzero"`
	// Attempts and Seconds are the ended attempts that make the service time, older
	// ones with less weight.
	Attempts float64 `json:"attempts,omitempty"`
	Seconds  float64 `json:"seconds,omitempty"`
	// Arrived tells how much had arrived by when, oldest first: the age of the oldest
	// job where the backend does not know it.
	Arrived []Arrival `json:"arrived,omitempty"`
	// Asked are the sizes asked for within the scale-down window; each is larger than
	// those after it, for the others no longer matter.
	Asked []Asked `json:"asked,omitempty"`
	// SteppedAt is when the size was lowered last.
	SteppedAt time.Time `json:"steppedAt,omitzero"`
	// Shown are the figures last shown; they stay until they are off by a good deal.
	Shown Shown `json:"shown,omitzero"`
}

// Measurement is what the rates are differences of.
type Measurement struct {
	At time.Time `json:"at,omitzero"`
	// Inside is the number of ready and reserved jobs, Ready that of ready ones.
	Inside    float64   `json:"inside,omitempty"`
	Ready     float64   `json:"ready,omitempty"`
	Completed Completed `json:"completed,omitzero"`
	// Moved tells whether anything arrived or ended since the measurement before.
	Moved bool `json:"moved,omitempty"`
}

// Arrival says that by At so many jobs had ever arrived.
type Arrival struct {
	At   time.Time `json:"at"`
	Jobs float64   `json:"jobs"`
}

// Asked is a size that was asked for until At.
type Asked struct {
	At        time.Time `json:"at"`
	Processes int32     `json:"processes"`
}

// Shown are figures as they are told to users.
type Shown struct {
	ArrivalRate float64 `json:"arrivalRate,omitempty"`
	Service     float64 `json:"service,omitempty"`
	Ready       float64 `json:"ready,omitempty"`
	Left        float64 `json:"left,omitempty"`
	Clear       float64 `json:"clear,omitempty"`
	Enough      float64 `json:"enough,omitempty"`
	Utilisation float64 `json:"utilisation,omitempty"`
}
