// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// MinimumCost is the deletion cost of a drained victim, the lowest possible. It is the
// value of the annotation controller.kubernetes.io/pod-deletion-cost.
const MinimumCost int32 = -2147483648

// DefaultSilence is how long a victim may be silent if jobs have no timeout.
const DefaultSilence = time.Hour

// Input holds everything that decides how a pool becomes smaller or larger.
//
// It must be an observation that includes the operator's own earlier writes: a pod that
// still seems cordoned after it was un-cordoned would be taken for a pod that can go.
type Input struct {
	Now time.Time
	// Wanted is how many pods there should be, Replicas the present value of the
	// Deployment's spec.replicas.
	Wanted, Replicas int32
	// Pods are the active pods of the Deployment's ReplicaSets. Like a ReplicaSet, it
	// counts pods that are neither being deleted nor finished.
	Pods []Pod
	// RollingOut reports whether the Deployment replaces its pods: its newest template is
	// not observed yet, or pods of an older template are left. Pods of several ReplicaSets
	// mean a rollout too.
	RollingOut bool
	// DeadlinePassed reports whether the rollout's progress deadline has passed.
	DeadlinePassed bool
	// MaxSurge is how many pods more than Replicas a rollout may have.
	MaxSurge int32
	// MaxReplaced is how many pods may be replaced at once, each by a successor beyond
	// Wanted; less than 1 counts as 1.
	MaxReplaced int32
	// Leaving is how many pods are being deleted and still have their grace period. Like
	// other pods, they need their place on a node.
	Leaving int32
	// Paused reports whether the pool is paused: nothing is replaced then.
	Paused bool
	// Awaiting reports whether there are pods without a report that may have to be
	// replaced, for example after a start of the operator. Pods beyond those wanted may be
	// their successors.
	Awaiting bool
	// Silence is how long a victim may give no sign of obeying before it counts as drained:
	// the time a job may take, and a margin. If not positive, it means DefaultSilence.
	Silence time.Duration
}

// Pod is the known state of one active pod.
type Pod struct {
	Name    string
	Created time.Time
	// ReplicaSet is the UID of the pod's ReplicaSet.
	ReplicaSet types.UID

	// Scheduled: the pod has a node. Running: its phase is Running. Ready: its condition
	// Ready is true. A ReplicaSet ranks its pods by these.
	Scheduled, Running, Ready bool
	// DeletionCost is the observed deletion cost; 0 if the pod has none or it cannot be
	// read.
	DeletionCost int32

	// Retire: the pod goes first when the pool shrinks, and otherwise is replaced. Due:
	// the pod must be replaced because a process in it has reached its limit.
	Retire, Due bool

	// Started: the worker container was started at least once. It may have a job even
	// while the pod's phase is Pending because of another container.
	Started bool

	// Abandoned: the pod is removed without waiting for it, and its jobs have its grace
	// period.
	Abandoned bool

	// Cordoned reports whether the pod's control document cordons it.
	Cordoned bool
	// CordonedAt is when the pod was cordoned, from its annotation; zero if unknown.
	CordonedAt time.Time

	// Heard reports whether the pod's agent has ever answered, and LastHeard is when it
	// last did; zero if never. The fields below come from that answer.
	Heard     bool
	LastHeard time.Time
	// Obeys: the agent reports the phase Cordoned for a control revision that is not older
	// than the control document of this pod. An answer to an older cordon proves nothing.
	Obeys bool
	// Drained: the pod obeys and has no process (protocol.Status.Drained).
	Drained bool
	// Busy is how many of the pod's processes have a job.
	Busy int
	// JobStarted is when the youngest of these jobs began; zero if there is none.
	JobStarted time.Time
}
