// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import "time"

// Plan is what is to be written now. Applying it and planning again plans nothing,
// until a pod, an agent, the Deployment or the number of pods wanted has changed.
type Plan struct {
	// Replicas is what the Deployment's spec.replicas shall be.
	Replicas int32
	// Cordon and Uncordon are pods by name, sorted. To cordon a pod is to write its
	// control document and the time; it may be cordoned already, with no time that
	// can be believed. To un-cordon it takes the time away again.
	Cordon, Uncordon []string
	// Costs are the deletion costs to write by pod name: MinimumCost for drained
	// victims, 0 to take it back.
	Costs map[string]int32
	// Recheck is after how long to plan again though nothing has been heard of,
	// because a victim counts as drained then; 0 if not needed.
	Recheck time.Duration
	// Reason and Message say what happens and why.
	Reason  Reason
	Message string
}

// Writes tells whether anything but Replicas is to be written.
func (p *Plan) Writes() bool {
	return len(p.Cordon) > 0 || len(p.Uncordon) > 0 || len(p.Costs) > 0
}

// Reason is why a plan is as it is.
type Reason string

// The reasons of plans.
const (
	// Settled: there are as many pods as wanted.
	Settled Reason = "Settled"
	// ScaledUp: replicas are raised.
	ScaledUp Reason = "ScaledUp"
	// Draining: victims are cordoned and have not all finished their jobs.
	Draining Reason = "Draining"
	// Ranking: victims are drained and their deletion cost is not seen on all yet.
	Ranking Reason = "Ranking"
	// ScaledDown: replicas are lowered.
	ScaledDown Reason = "ScaledDown"
	// Replacing: a pod that is retired or due is replaced, its successor first.
	Replacing Reason = "Replacing"
	// AwaitingRemoval: the ReplicaSet has more pods than it should and removes some.
	AwaitingRemoval Reason = "AwaitingRemoval"
	// AwaitingRollout: fewer pods are wanted, but a rollout is in progress.
	AwaitingRollout Reason = "AwaitingRollout"
)
