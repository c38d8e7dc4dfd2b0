// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package effective

import (
	"time"

	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	defaultMemoryPercent  = 80
	defaultMemoryFor      = 2 * time.Minute
	defaultSlowJobPercent = 80
	defaultFailedPercent  = 10
	defaultFailedMinimum  = 10
	defaultCrashes        = 3
)

// Alerts holds the thresholds of spec.alerts; a threshold of 0 is not watched.
type Alerts struct {
	// MemoryPercent is a share of spec.memory, MemoryFor the time that a process must
	// use more.
	MemoryPercent int32
	MemoryFor     time.Duration
	// SlowJobPercent is a share of spec.timeout.
	SlowJobPercent int32
	// FailedPercent is a share of the jobs that ended, FailedMinimum the fewest failed
	// jobs.
	FailedPercent, FailedMinimum int32
	// Crashes is a number of crashes.
	Crashes int32
}

// AlertsOf returns the thresholds of a pool.
func AlertsOf(spec *v1alpha1.QueueWorkerSpec) Alerts {
	set := valueOr(spec.Alerts, v1alpha1.Alerts{})
	return Alerts{
		MemoryPercent:  valueOr(set.MemoryPercent, defaultMemoryPercent),
		MemoryFor:      durationOr(set.MemoryFor, defaultMemoryFor),
		SlowJobPercent: valueOr(set.SlowJobPercent, defaultSlowJobPercent),
		FailedPercent:  valueOr(set.FailedPercent, defaultFailedPercent),
		FailedMinimum:  valueOr(set.FailedMinimum, defaultFailedMinimum),
		Crashes:        valueOr(set.Crashes, defaultCrashes),
	}
}
