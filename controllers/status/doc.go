// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package status computes a QueueWorker's status from what was observed, and the events
// that go with a change of the status.
//
// Totals are kept by difference. For each pod that exists, status.accounted holds the
// counts that totals already contain, so
//
//	totals' = totals + sum over pods of (seen now - accounted)
//
// A pod that has ended adds its last counts and leaves the list, in the same write. So
// an operator that is killed between any two writes neither forgets nor repeats a job.
package status
