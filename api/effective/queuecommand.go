// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package effective

import (
	"time"

	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	defaultTTL   = 10 * time.Minute
	defaultLimit = 50
)

// TTL returns how long an ended command is kept.
func TTL(spec *v1alpha1.QueueCommandSpec) time.Duration {
	return durationOr(spec.TTL, defaultTTL)
}

// ListLimit returns the greatest number of failed jobs in a list. It has no default in
// the CRD, because the other actions refuse the field.
func ListLimit(spec *v1alpha1.QueueCommandSpec) int {
	return int(valueOr(spec.Limit, defaultLimit))
}
