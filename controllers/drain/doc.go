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
// Which pods go is decided by their ReplicaSet, in this order: pods without a node,
// pending, not ready, and among ready ones those of the lowest deletion cost. So
// the victims are chosen in the same order, and replicas are lowered by n only if
// every pod that could be among the first n is removable: drained, or never started,
// which needs no cordon. One that never started and has a node is marked all the same,
// because it may be ready when its ReplicaSet acts. Within what the ReplicaSet holds
// for equal the victims are
// those already cordoned, then idle ones, then those with the youngest job; a pod that
// stays where it was in that order keeps a plan stable. What the pool wants back is
// un-cordoned before anything is created, those first that still work.
//
// A pod is replaced, because somebody retires it or a process in it has reached its
// limit, by the same steps in a pool that is larger by its successor: the successor is
// created, and when so many serve that the pool can do without the pod, that one is
// cordoned, drained and removed. What it is to be is read from the pods and the number
// of replicas each time, so it can be broken off anywhere.
//
// Two things end the planning of a removal. While the ReplicaSet has more pods than
// asked for, it is removing some, and nothing is decided until they are gone. And
// during a rollout nothing is removed, because the Deployment controller then divides
// the loss over its ReplicaSets; except once the rollout's deadline has passed, when
// each of them needs as many pods that can go, and except to zero, when all go at
// once and no order matters.
package drain
