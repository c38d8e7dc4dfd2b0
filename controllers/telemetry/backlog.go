// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"time"

	"queueworker.dev/queueworker/api/protocol"
)

// BacklogReport is the known state of a pool's queues.
type BacklogReport struct {
	// MeasuredAt is when Queues were measured; zero if they never were.
	MeasuredAt time.Time
	// Queues are the last figures, in the order asked for.
	Queues []protocol.QueueDepth
	// Backend says in words which backend is asked.
	Backend string
	// Reason and Message say why the newest question got no figures; empty if it got some.
	Reason  protocol.BacklogError
	Message string
	// FailingSince is the time of the first failure in the present row of failures.
	FailingSince time.Time
}
