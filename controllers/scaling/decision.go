// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import "time"

// Reason is why a size was chosen.
type Reason string

// The reasons.
const (
	// ReasonDemand: what arrives and what waits asks for this size.
	ReasonDemand Reason = "Demand"
	// ReasonDelayedJobs: nothing is ready, but delayed jobs are about to be.
	ReasonDelayedJobs Reason = "DelayedJobs"
	// ReasonNothingToDo: nothing is ready, about to be due or reserved.
	ReasonNothingToDo Reason = "NothingToDo"
	// ReasonScaleDownPending: fewer would do, but not for long enough yet.
	ReasonScaleDownPending Reason = "ScaleDownPending"
	// ReasonPaused: the size is held while the pool is paused.
	ReasonPaused Reason = "Paused"
	// ReasonStopped: the pool is stopped.
	ReasonStopped Reason = "Stopped"
	// ReasonBacklogUnknown: the size is held because nobody knows what waits.
	ReasonBacklogUnknown Reason = "BacklogUnknown"
	// ReasonAgentsUnreadable: the size does not go down because nobody knows what the
	// processes do.
	ReasonAgentsUnreadable Reason = "AgentsUnreadable"
)

// Limit is what kept a size from being what demand asks for.
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
	// LimitCap: the cap over all pools of the application; set by who applies Share.
	LimitCap Limit = "Cap"
)

// Never is Decision.TimeToClear where the backlog does not shrink at this size.
const Never time.Duration = -1

// Decision is how many processes a pool should have, and why.
type Decision struct {
	// Processes is the size: whole pods, unless the bounds of the pool have no room
	// for one.
	Processes int32
	// Reason, Message and LimitedBy explain it; the message is a sentence with the
	// numbers, rounded so that a steady state gives the same sentence again.
	Reason    Reason
	Message   string
	LimitedBy Limit
	// ArrivalRate is in jobs a second.
	ArrivalRate float64
	// ServiceTime is what a process spends on one job.
	ServiceTime time.Duration
	// Utilisation is the share of this size that arriving jobs keep busy; above 1 the
	// backlog grows.
	Utilisation float64
	// TimeToClear is how long this size needs to clear the backlog, or Never.
	TimeToClear time.Duration
	// Memory belongs into the next Input.
	Memory Memory
	// Recheck is after how long to decide again without news; 0 means not before
	// something changes. New jobs are news.
	Recheck time.Duration
}
