// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// MinimumCost is the deletion cost of a drained victim, the lowest there is; it is
// the value of the annotation controller.kubernetes.io/pod-deletion-cost.
const MinimumCost int32 = -2147483648

// DefaultSilence is how long a victim may be silent where jobs have no timeout.
const DefaultSilence = time.Hour

// Input is all that decides how a pool becomes smaller or larger.
//
// It has to be an observation that knows the operator's own earlier writes: a pod
// that is seen still cordoned after it was un-cordoned would be taken for one that
// can go.
type Input struct {
	Now time.Time
	// Wanted is how many pods there should be, Replicas what the Deployment's
	// spec.replicas is now.
	Wanted, Replicas int32
	// Pods are the active pods of the Deployment's ReplicaSets: those that are neither
	// being deleted nor finished, which is what a ReplicaSet counts.
	Pods []Pod
	// RollingOut tells that the Deployment replaces its pods: its newest template is
	// not observed yet, or pods of an older one are left. Pods of several ReplicaSets
	// tell it too.
	RollingOut bool
	// DeadlinePassed tells that the rollout's progress deadline has passed.
	DeadlinePassed bool
	// MaxSurge is how many pods more than Replicas a rollout may have.
	MaxSurge int32
	// MaxReplaced is how many pods may be replaced at once, each by a successor beyond
	// Wanted; less than 1 counts as 1.
	MaxReplaced int32
	// Leaving is how many pods are being deleted and still have their grace period. They
	// need their place on a node as others do.
	Leaving int32
	// Paused tells that the pool is paused: nothing is replaced then.
	Paused bool
	// Awaiting tells that pods are yet to be heard of that may have to be replaced, as
	// after a start of the operator: pods beyond those wanted may be their successors.
	Awaiting bool
	// Silence is how long a victim may give no sign of obeying before it counts as
	// drained: the time a job may take and a margin. Not positive means DefaultSilence.
	Silence time.Duration
}

// Pod is what is known of one active pod.
type Pod struct {
	Name    string
	Created time.Time
	// ReplicaSet is the UID of the pod's ReplicaSet.
	ReplicaSet types.UID

	// Scheduled tells that it has a node, Running that its phase is Running, Ready
	// that its condition Ready is true: a ReplicaSet ranks its pods by these.
	Scheduled, Running, Ready bool
	// DeletionCost is its deletion cost as observed; 0 if it has none or it cannot be read.
	DeletionCost int32

	// Retire tells that it goes first when there are fewer pods, and is replaced if there
	// are not. Due tells that it is to be replaced because a process in it has reached
	// its limit.
	Retire, Due bool

	// Started tells that its worker container has ever been started. It may have a
	// job even while the pod's phase is Pending, because of another container.
	Started bool

	// Forsaken tells that it is not waited for: it goes at once, and its jobs have its
	// grace period.
	Forsaken bool

	// Cordoned tells that its control document says so.
	Cordoned bool
	// CordonedAt is when it was cordoned, from its annotation; zero if unknown.
	CordonedAt time.Time

	// Heard tells that its agent has ever answered, LastHeard when it last did; zero
	// if never. What follows is from that answer.
	Heard     bool
	LastHeard time.Time
	// Obeys tells that it reports the phase Cordoned for a control revision that is
	// not older than that of the control document of this pod. An answer to an older
	// cordon proves nothing.
	Obeys bool
	// Drained tells that it obeys and has no process (protocol.Status.Drained).
	Drained bool
	// Busy is how many of its processes have a job.
	Busy int
	// JobStarted is when the youngest of these jobs began; zero if there is none.
	JobStarted time.Time
}
