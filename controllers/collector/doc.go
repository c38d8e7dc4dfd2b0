// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package collector asks the agents in worker pods how they do, keeps their last
// good answers and the counts of pods that ended, and wakes the reconciler of a
// pool when something about it is worth telling.
//
// # Pulling
//
// One goroutine schedules all pulls from a heap of due times. A pull that is due
// joins one of three lanes: proven (the last pull was good), fresh (never pulled)
// or failed. Within a lane the pools take turns, so that a pool of thousands of
// pods delays no other.
//
// A dead or slow pod must not delay the others, though it may hold a pull for the
// whole timeout. So pulls draw on two budgets. The fast one, Concurrency, is for
// proven pods. The slow one, 16 times as much, is for everything that may hang: half
// of it for fresh pods, then failed ones; and whatever a proven pod's pull does not
// finish within its patience (250 ms) is moved over to it, which frees its place
// in the fast one. A slow pull waits and costs little: some 30 KB. Only while pods
// that all began to hang at the same time have used the slow budget up do proven pods
// wait, for at most
//
//	hanging pods × timeout / (8 × Concurrency)
//
// in all; after that the hanging ones are in the failed lane. A pod that failed is
// asked again after 1, 2, 4 and then 6 intervals (5 s to 30 s), one that never
// answered sooner at first, because its agent is just starting. A nudge overrides
// all that.
//
// # Trust
//
// What a pod says is checked before it is kept (decodeStrictly, received.Status), and
// its counts may never go down. An answer that fails a check counts as a failed
// pull: the last good one stays.
//
// # Waking
//
// A pool wakes at once for what changes its conditions (notable), at most every
// ReportInterval for jobs that started or ended (alarm), and twice more after the
// last job, when the rates over one and five minutes have fallen to zero. Ages,
// memory and CPU never wake. Wakes of one pool that wait for the reader are one.
//
// # Samples
//
// The jobs that ended between two pulls are spread evenly over the time between
// them, in buckets of five seconds. A Snapshot's Samples end where every pod has
// been heard of, some seconds ago, so that the newest jobs of the pods not yet
// asked again do not seem missing.
package collector
