// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package tables measures Laravel's queues in PostgreSQL, MySQL and MariaDB, and lists the
// failed jobs there.
//
// All jobs are in one table, jobs. reserved_at is when a worker took a job, or null if no
// worker did. available_at is when a worker may first take it. A job counts as ready if
// it was taken retryAfter ago and is still there, because Laravel gives it out again.
//
// Laravel's table has an index on the queue alone, so counting the jobs of one state
// means reading the rows of all states. To bound the work, the driver reads at most
// maxRows rows of each queue, and counts stop there. If none of these rows is a ready
// job, a ready job may still follow them. Such a queue counts as unreadable, not as
// empty.
package tables
