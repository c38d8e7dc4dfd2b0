// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package status computes what a QueueWorker's status says, and which events go
// with the change, from what was observed.
//
// Totals are kept by difference. For each pod that exists, status.accounted holds
// what totals already contain of it, so
//
//	totals' = totals + sum over pods of (seen now - accounted)
//
// A pod that has ended adds its last word and leaves the list, in the same write:
// killed between any two writes, the operator neither forgets nor repeats a job.
package status
