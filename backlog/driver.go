// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backlog

import (
	"context"
	"time"

	"queueworker.dev/queueworker/api/protocol"
)

// A Driver measures the queues of one backend. Calls to it must not overlap.
type Driver interface {
	// Measure returns the depth of each requested queue, in the order of the request. If
	// only one queue cannot be measured, its own depth says why. An error means that no
	// queue could be measured, and is an *Error. A driver reconnects by itself after its
	// backend was unavailable.
	Measure(ctx context.Context, request Request) ([]protocol.QueueDepth, error)
	// Describe says in words what the driver queries, as far as it knows, without any
	// secret.
	Describe() string
	// Close closes the driver's connections.
	Close() error
}

// Request describes what to measure.
type Request struct {
	// Queues are the queues to measure, without duplicates.
	Queues []Queue
	// Now is the moment that decides which jobs are due. It is the probe's clock and not
	// the backend's, because workers compare due times with the clock of their own
	// machine. A backend whose clock differs must not make a job due that no worker would
	// take.
	Now time.Time
}

// Queue is one requested queue.
type Queue struct {
	// Name is the queue's name as a worker is given it.
	Name string
	// Soon is the time span that QueueDepth.DueSoon counts; 0 leaves DueSoon out.
	Soon time.Duration
}

// Second returns Now in whole seconds since 1970, rounded down, because Laravel compares
// due times that way.
func (r Request) Second() int64 { return r.Now.Unix() }

// MaxSeconds bounds every reported time, to about 31 years. A longer time comes from a
// mistake, such as a due time in milliseconds, and the operator would refuse the whole
// answer because of it.
const MaxSeconds = 1e9

// Age returns how many seconds ago the given second was, between 0 and MaxSeconds.
func (r Request) Age(second float64) *float64 {
	return new(min(MaxSeconds, max(0, r.exact()-second)))
}

// Until returns the number of seconds until the given second, at least 0. It returns nil
// if that moment is so far away that it means never.
func (r Request) Until(second float64) *float64 {
	seconds := max(0, second-r.exact())
	if seconds > MaxSeconds {
		return nil
	}
	return &seconds
}

func (r Request) exact() float64 { return float64(r.Now.UnixMilli()) / 1000 }
