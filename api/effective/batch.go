// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package effective

import (
	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	defaultKeepComplete = 3
	defaultKeepFailed   = 1
)

// Batch holds the settings of spec.batch.
type Batch struct {
	// Schedule is in the format of a CronJob, empty without one. TimeZone is an IANA
	// name, empty for UTC.
	Schedule, TimeZone string
	// WaitForDelayed reports whether delayed jobs are part of the run.
	WaitForDelayed bool
	// KeepComplete and KeepFailed are how many ended runs are kept as Jobs.
	KeepComplete, KeepFailed int32
}

// BatchOf returns the settings of a pool's runs.
func BatchOf(spec *v1alpha1.QueueWorkerSpec) Batch {
	set := valueOr(spec.Batch, v1alpha1.Batch{})
	return Batch{
		Schedule:       set.Schedule,
		TimeZone:       set.TimeZone,
		WaitForDelayed: valueOr(set.WaitForDelayed, true),
		KeepComplete:   valueOr(set.SuccessfulRunsHistoryLimit, defaultKeepComplete),
		KeepFailed:     valueOr(set.FailedRunsHistoryLimit, defaultKeepFailed),
	}
}
