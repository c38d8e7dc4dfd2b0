// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import "time"

// Reason is why a size was chosen.
type Reason string

// The reasons.
const (
	// ReasonDemand: arriving and waiting jobs ask for this size.
	ReasonDemand Reason = "Demand"
	// ReasonDelayedJobs: nothing is ready, but delayed jobs are about to be.
	ReasonDelayedJobs Reason = "DelayedJobs"
	// ReasonNothingToDo: nothing is ready, about to be due or reserved.
	ReasonNothingToDo Reason = "NothingToDo"
	// ReasonScaleDownPending: fewer processes would do, but have not done so long enough.
	ReasonScaleDownPending Reason = "ScaleDownPending"
	// ReasonPaused: the size is held while the pool is paused.
	ReasonPaused Reason = "Paused"
	// ReasonStopped: the pool is stopped.
	ReasonStopped Reason = "Stopped"
	// ReasonBacklogUnknown: the size is held because the backlog is unknown.
	ReasonBacklogUnknown Reason = "BacklogUnknown"
	// ReasonAgentsUnreadable: the size does not go down because the state of the processes
	// is unknown.
	ReasonAgentsUnreadable Reason = "AgentsUnreadable"
)

// Limit is the bound that kept a size from being what demand asks for.
type Limit string

// The limits.
const (
	LimitNone Limit = ""
	// LimitMinimum and LimitMaximum are the bounds of the pool.
	LimitMinimum Limit = "Minimum"
	LimitMaximum Limit = "Maximum"
	// LimitJobs: more processes than there are jobs would be idle.
	LimitJobs Limit = "Jobs"
	// LimitWindow and LimitStep: how fast a pool may shrink.
	LimitWindow Limit = "ScaleDownWindow"
	LimitStep   Limit = "ScaleDownStep"
	// LimitCap: the cap over all pools of the application; the caller of Share sets it.
	LimitCap Limit = "Cap"
)

// Never is Decision.TimeToClear if the backlog does not shrink at this size.
const Never time.Duration = -1

// Decision is how many processes a pool should have, and why.
type Decision struct {
	// Processes is the size in whole pods, unless the pool's bounds leave no room for a
	// whole pod.
	Processes int32
	// Reason, Message and LimitedBy explain the size. The message is a sentence with the
	// numbers, rounded so that a steady state repeats the same sentence.
	Reason    Reason
	Message   string
	LimitedBy Limit
	// ArrivalRate is the arrival rate in jobs a second.
	ArrivalRate float64
	// ServiceTime is the time a process spends on one job.
	ServiceTime time.Duration
	// Utilisation is the share of this size that arriving jobs keep busy; above 1 the
	// backlog grows.
	Utilisation float64
	// TimeToClear is how long this size needs to clear the backlog, or Never.
	TimeToClear time.Duration
	// Memory belongs in the next Input.
	Memory Memory
	// Recheck is the time after which to decide again if nothing changes; 0 means that only
	// a change needs a decision. A new job is a change.
	Recheck time.Duration
}
