// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package database measures Laravel's queues in PostgreSQL, MySQL and MariaDB.
//
// All jobs lie in one table, jobs: reserved_at is when a worker took a job (null if
// none did), available_at when it may be taken first. Since a job that was taken
// retryAfter ago and is still there is given out again, it counts as ready.
//
// Laravel's table has an index of the queue alone, so that counting the jobs of one
// state means reading those of all states. The work is bounded by looking at no
// more than a number of rows of each queue (maxRows): counts stop there. Where none of
// so many rows is a ready job, there may be one behind them, and the queue counts as
// unreadable and not as empty.
//
// Everything runs in read-only transactions with a time limit, on one connection.
package database
