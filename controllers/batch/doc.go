// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package batch decides about the runs of a pool of mode Batch: when one begins, when
// it is over, which are deleted, and what the status tells of them.
//
// A run is a Job whose name follows from what triggered it: a time of the schedule, a
// value of the annotation runAt, or the QueueWorker itself. So what was started and not
// yet written down is found again by its name, and never started twice. What the status
// says of a run is read off its Job, in the pass after the one that created it.
//
// A run is open until the status says that it has ended, which is when its Job and all
// of its pods have; there is at most one.
//
// It is over when nothing is ready, delayed or reserved on its queues, as measured
// after its workers were last seen to do anything, and they have been heard of since.
package batch
