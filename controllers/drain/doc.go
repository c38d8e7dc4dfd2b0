// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package drain makes a pool smaller, and replaces its pods, without ending a job.
//
// Decide takes one step each time it is called:
//
//	cordon a victim     its agent lets the processes finish their jobs and starts no more
//	it is drained       as its agent reports, or as its silence for a long time tells
//	mark it             with the lowest deletion cost
//	the mark is seen    on the pod, in a later observation
//	lower replicas      by as many pods as are sure to be the right ones
//
// The pods' ReplicaSet decides which of them go, in this order: pods without a node,
// pending pods, pods that are not ready, and among ready pods those of the lowest
// deletion cost. So the victims are chosen in the same order. Replicas are lowered by n
// only if every pod that could be among the first n is removable: drained, or never
// started. A pod that never started needs no cordon. If it has a node, it is marked all
// the same, because it may be ready when its ReplicaSet acts. Among pods that the
// ReplicaSet ranks equal, the victims are first pods that are already cordoned, then
// idle pods, then the pods with the youngest job. A pod that keeps its place in that
// order keeps a plan stable. If the pool needs pods back, they are un-cordoned before
// any pod is created, first those that still work.
//
// A pod is replaced because a user retires it, or because a process in it has reached
// its limit. The steps are the same, in a pool that is larger by the pod's successor:
// the successor is created. Once enough pods serve that the pool can do without the old
// pod, the old pod is cordoned, drained and removed. The current step is read from the
// pods and the number of replicas each time, so a replacement can be broken off
// anywhere.
//
// Two things end the planning of a removal. While the ReplicaSet has more pods than
// asked for, it is removing some, and nothing is decided until they are gone. During a
// rollout nothing is removed, because the Deployment controller then divides the loss
// over its ReplicaSets. There are two exceptions: once the rollout's deadline has
// passed, pods may go if each ReplicaSet has as many pods that can go. And to zero all
// pods go at once, so no order matters.
package drain
