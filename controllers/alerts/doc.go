// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package alerts judges the health of a pool's jobs: which of the conditions MemoryHigh,
// SlowJobs, FailuresHigh and WorkersFailing are true, and whether spec.onFailing pauses
// the pool.
//
// An alert begins above its threshold and ends well below it. So a value that moves
// around the threshold does not switch the alert on and off:
//
//	              begins                                      ends
//	MemoryHigh    a process above memoryPercent for           none above 5 points less
//	              memoryFor
//	SlowJobs      a job older than slowJobPercent of timeout  none for a minute
//	FailuresHigh  failed > failedPercent of the jobs of the   failed <= half of that, or no
//	              last 5 minutes, of at least failedMinimum   job in 5 minutes
//	WorkersFailing  crashes, or restarts for maxExceptions:   none in 5 minutes
//	              as many in 5 minutes as spec.alerts.crashes;
//	              or one such restart while no job succeeded
//
// The message of an alert has numbers, and is reworded at most once a minute. A new
// message with every report would write the status with every report.
//
// A pause by spec.onFailing ends with a new value of the annotation resumedAt. Earlier
// failures no longer count from then on, because otherwise they would pause the pool again.
package alerts
