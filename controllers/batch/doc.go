// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package batch decides about the runs of a pool of mode Batch: when a run begins, when
// it is over, which runs are deleted, and what the status says about them.
//
// A run is a Job whose name follows from its trigger: a time of the schedule, a value
// of the annotation runAt, or the QueueWorker itself. So a run that was started but not
// yet written to the status is found again by its name, and never started twice. The
// status of a run is read from its Job, in the pass after the one that created it.
//
// A run is open until the status says that it has ended, which is when its Job and all
// of its pods have ended. There is at most one open run.
//
// A run is over when nothing is ready, delayed or reserved on its queues. The
// measurement must be later than the last activity of its workers, and the workers must
// have reported since the measurement.
package batch
