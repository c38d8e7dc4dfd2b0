// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package alerts judges the health of a pool's jobs: which of the conditions MemoryHigh,
// SlowJobs, FailuresHigh and WorkersFailing are true, and whether spec.onFailing pauses
// the pool.
//
// An alert begins above its threshold and ends well below it, so that a measure that
// moves about its threshold does not make it come and go:
//
//	              begins                                      ends
//	MemoryHigh    a process above memoryPercent for           none above 5 points less
//	              memoryFor
//	SlowJobs      a job older than slowJobPercent of timeout  none for a minute
//	FailuresHigh  failed > failedPercent of the jobs of the   failed <= half of it, or no
//	              last 5 minutes, of at least failedMinimum   job in 5 minutes
//	WorkersFailing  as many crashes, or restarts for          none in 5 minutes
//	              maxExceptions, as crashes says in 5 minutes;
//	              or one such restart while no job succeeded
//
// Its message has numbers, and is worded anew at most once a minute: what is written
// with every report would be a write of the status with every report.
//
// A pause by spec.onFailing ends with a new value of the annotation resumedAt. What
// failed before counts no more from then on, else the same failures would pause the pool
// again.
package alerts
