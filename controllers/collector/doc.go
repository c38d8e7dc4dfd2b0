// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package collector asks the agents in worker pods how they do, keeps their last
// good answers and the counts of pods that ended, and wakes the reconciler of a
// pool when something about it is worth telling.
//
// # Pulling
//
// One goroutine schedules all pulls from a heap of due times. A pull that is due
// joins one of four lanes: quick (the last pull was good and quick), slow (good, but
// not quick), fresh (never pulled) or failed. Within a lane the namespaces take turns,
// and the pools of each namespace, so that a tenant with thousands of pods delays no
// other (package turns).
//
// A dead or slow pod must not delay the others, though it may hold a pull for the
// whole timeout. So each lane has places of its own: Concurrency for quick pods, and
// 4 times as many for each other lane. What a quick pod's pull does not finish within
// its patience (250 ms) is moved over to further places, 12 times Concurrency, which
// frees its place among the quick; and the pod is in the slow lane from then on, until
// it has been quick 8 times in a row, or more often if it is slow again and again. A
// pull that waits costs little: some 30 KB. No namespace takes a place while it holds
// as many as are free. Only while pods of one namespace that all began to hang at the
// same time have used up its half of the further places do its own quick pods wait, for
// at most
//
//	hanging pods × timeout / (6 × Concurrency)
//
// in all; after that the hanging ones are in the failed lane. A pod that failed is
// asked again after 1, 2, 4 and then 6 intervals (5 s to 30 s), one that never
// answered sooner at first, because its agent is just starting. A nudge overrides
// all that. Fresh reports (Refresh) are pulled at most once a second of each pod, because
// what pods report can bring about that fresh reports are wanted.
//
// # The share of the CPU
//
// Decoding an answer costs milliseconds if the pod wants it to. The exchange and the
// decoding are charged to the namespace (workqueue.Budget), as its reconciles are. While
// the namespace rests, its pods stay in their lanes, and its probes are not asked.
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
