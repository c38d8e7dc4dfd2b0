// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package collector asks the agents in worker pods for their status. It keeps their
// last good answers and the counts of pods that ended, and wakes the reconciler of a
// pool when the pool has news.
//
// # Pulling
//
// One goroutine schedules all pulls from a heap of due times. A pull that is due joins
// one of four lanes: quick (the last pull was good and quick), slow (good, but not
// quick), fresh (never pulled) or failed. Within a lane the namespaces take turns, and
// so do the pools of each namespace. So a tenant with thousands of pods delays no other
// tenant (package turns).
//
// A dead or slow pod may hold a pull for the whole timeout, but must not delay other pods.
// So each lane has its own places: Concurrency for quick pods, and 4 times as many for each
// other lane. A quick pod's pull that does not finish within its patience (250 ms) is moved
// to one of 12 × Concurrency further places, which frees its place among the quick. From
// then on, the pod is in the slow lane until it has been quick 8 times in a row, or more
// often if it is slow again and again. A waiting pull costs little: some 30 KB. No
// namespace takes a place while it holds as many as are free. So quick pods wait only while
// pods of their own namespace that all began to hang at the same time have used up the
// namespace's half of the further places. They wait for at most
//
//	hanging pods × timeout / (6 × Concurrency)
//
// in all; after that the hanging pods are in the failed lane. A pod that failed is asked
// again after 1, 2, 4 and then 6 intervals (5 s to 30 s). A pod that never answered is
// asked sooner at first, because its agent is just starting. A nudge overrides all of this.
// Fresh reports (Refresh) are pulled at most once a second from each pod, because the
// reports can cause the next Refresh again and again.
//
// # The share of the CPU
//
// A pod can make its answer cost milliseconds to decode. So the exchange and the decoding
// are charged to the pod's namespace (workqueue.Budget), like the reconciles for it. While
// the namespace rests, its pods stay in their lanes, and its probes are not asked.
//
// # Trust
//
// A pod's answer is checked before it is kept (decodeStrictly, received.Status), and
// its counts may never go down. An answer that fails a check counts as a failed pull,
// and the last good answer stays.
//
// # Waking
//
// A pool wakes at once for news that changes its conditions (notable), and at most once
// per ReportInterval for jobs that started or ended (alarm). It wakes twice more after
// the last job, when the rates over one and five minutes have fallen to zero. Ages,
// memory and CPU never wake it. Wakes of one pool that wait for the reader are merged.
//
// # Samples
//
// The jobs that ended between two pulls are spread evenly over the time between the
// pulls, in buckets of five seconds. A Snapshot's Samples end some seconds ago, at a
// time that reports of every pod cover. Otherwise the newest jobs of pods that are not
// yet asked again would seem to be missing.
package collector
