// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import "time"

// Plan is what must be written now. After it is applied, planning again plans nothing
// until a pod, an agent, the Deployment or the number of wanted pods changes.
type Plan struct {
	// Replicas is the new value of the Deployment's spec.replicas.
	Replicas int32
	// Cordon and Uncordon are names of pods, sorted. To cordon a pod is to write its
	// control document and the time. It may already be cordoned, but with an implausible
	// time. Un-cordoning also removes the time.
	Cordon, Uncordon []string
	// Costs are the deletion costs to write, by pod name: MinimumCost for drained victims,
	// 0 to take it back.
	Costs map[string]int32
	// Recheck is the time after which to plan again even without news, because a victim
	// then counts as drained; 0 if not needed.
	Recheck time.Duration
	// Reason and Message say what happens and why.
	Reason  Reason
	Message string
}

// Writes reports whether anything except Replicas must be written.
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
	// Ranking: victims are drained, but not all of their deletion costs are observed yet.
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
