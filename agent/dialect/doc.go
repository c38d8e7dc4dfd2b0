// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package dialect turns the lines that a worker prints into job events, and job events
// into counts.
//
// A Parser knows one output format: Laravel's JSON lines (11.27 and later), its text
// lines (9.21 and later), its bracketed lines (before), or the patterns of a Custom
// worker. It parses one line at a time and keeps no state.
//
// A Ledger pairs the events of one process. Laravel workers are sequential, so at most
// one job is open. A start closes the job before it as released, because older versions
// print no line for an attempt that threw and went back to its queue. A success after a
// failure of the same attempt is not counted, because a job that calls fail() prints
// both. Workers with ids in their patterns may run several jobs at once, which the Ledger
// pairs by id.
//
// The package reads no clock and does no I/O.
package dialect
