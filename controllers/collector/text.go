// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"queueworker.dev/queueworker/api/printable"
	"queueworker.dev/queueworker/api/received"
)

// Bounds of what a backlog probe may report; package received has the bounds for an agent.
const (
	maxMessage = received.MaxMessage
	maxClass   = received.MaxClass
	maxQueue   = received.MaxQueue
	maxVersion = received.MaxVersion
	maxWord    = received.MaxWord
	maxCount   = received.MaxCount
	maxSeconds = received.MaxSeconds
)

// cleanText makes text safe to show, in at most limit bytes.
func cleanText(s string, limit int) string { return printable.Line(s, limit) }

// within limits a measurement to the range from 0 to most.
func within[N int32 | int64 | float64](value, most N) N {
	return max(0, min(value, most))
}
