// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backlog

import (
	"context"
	"time"

	"queueworker.dev/queueworker/api/protocol"
)

// A Driver measures the queues of one backend. It is used by one caller at a time.
type Driver interface {
	// Measure returns the depth of each queue asked for, in that order. What is wrong
	// with one queue alone is said in its own depth; an error means that none could be
	// measured, and is an *Error. A driver whose backend was away connects again by itself.
	Measure(ctx context.Context, request Request) ([]protocol.QueueDepth, error)
	// Describe says in words what is asked, without any secret, as far as it is known.
	Describe() string
	// Close gives the driver's connections back.
	Close() error
}

// Request is what is to be measured.
type Request struct {
	// Queues are asked for without repetition.
	Queues []Queue
	// Now is the moment that decides what is due. It is the probe's own clock and not
	// the backend's: workers compare due times with the clock of their own machine, so
	// a backend whose clock differs must not make a job due that no worker would take.
	Now time.Time
}

// Queue is one queue that is asked for.
type Queue struct {
	// Name is the queue's name as a worker is given it.
	Name string
	// Soon is the span of time that QueueDepth.DueSoon speaks of; 0 leaves it out.
	Soon time.Duration
}

// Second returns the moment in whole seconds since 1970, rounded down, as
// Laravel compares due times.
func (r Request) Second() int64 { return r.Now.Unix() }

// MaxSeconds bounds every time that is told, to about 31 years. A longer one comes of
// a mistake, such as a due time in milliseconds, and an operator would refuse the
// whole answer for it.
const MaxSeconds = 1e9

// Age returns how many seconds ago the given second was, between 0 and MaxSeconds.
func (r Request) Age(second float64) *float64 {
	return new(min(MaxSeconds, max(0, r.exact()-second)))
}

// Until returns in how many seconds the given second comes, at least 0; nil if that
// is so far away that it is never.
func (r Request) Until(second float64) *float64 {
	seconds := max(0, second-r.exact())
	if seconds > MaxSeconds {
		return nil
	}
	return &seconds
}

func (r Request) exact() float64 { return float64(r.Now.UnixMilli()) / 1000 }
