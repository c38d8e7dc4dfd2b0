// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// A Subject is a driver under test and the application whose jobs it measures.
type Subject struct {
	// Open returns a new driver for the application's backend, with the application's
	// retry_after.
	Open func(t *testing.T, retryAfter time.Duration) backlog.Driver
	// Application dispatches jobs to the backend and works on them.
	Application Application
	// TellsFailed reports whether the backend knows the number of failed jobs.
	TellsFailed bool
	// TellsAge reports whether the backend knows how long a job that was never delayed
	// has waited.
	TellsAge bool
}

// Application is a real application with workers.
type Application interface {
	// Dispatch puts jobs onto a queue.
	Dispatch(t *testing.T, jobs Jobs)
	// Work runs queue:work with the given arguments and waits until the worker ends by
	// itself.
	Work(t *testing.T, retryAfter time.Duration, queue string, arguments ...string)
	// Start starts a worker and returns a function that kills it without a grace period.
	Start(t *testing.T, retryAfter time.Duration, queue string) (kill func())
}

// Jobs are jobs of one kind.
type Jobs struct {
	// Kind is what they do: quick, released (back to the queue once), failing or hanging.
	Kind  string
	Queue string
	Count int
	// Delay is the time until the jobs are due, in whole seconds.
	Delay time.Duration
	// Timeout is the timeout the jobs set for themselves, in whole seconds; 0 means none.
	Timeout time.Duration
}

// measure measures one queue now.
func measure(t *testing.T, driver backlog.Driver, queue string, soon time.Duration) protocol.QueueDepth {
	t.Helper()
	depths := measureAll(t, driver, soon, queue)
	if depths[0].Reason != "" {
		t.Fatalf("queue %q: %s: %s", queue, depths[0].Reason, depths[0].Message)
	}
	return depths[0]
}

func measureAll(t *testing.T, driver backlog.Driver, soon time.Duration, names ...string) []protocol.QueueDepth {
	t.Helper()
	request := backlog.Request{Now: time.Now()}
	for _, name := range names {
		request.Queues = append(request.Queues, backlog.Queue{Name: name, Soon: soon})
	}
	depths, err := driver.Measure(t.Context(), request)
	if err != nil {
		t.Fatalf("measure %q: %v", names, err)
	}
	if len(depths) != len(names) {
		t.Fatalf("%d depths for %d queues", len(depths), len(names))
	}
	for i, name := range names {
		if depths[i].Queue != name {
			t.Fatalf("depth %d is of queue %q; want %q", i, depths[i].Queue, name)
		}
	}
	return depths
}

// patience is how long a test waits for a condition, because the machine may be busy.
const patience = 30 * time.Second

// eventually measures until the depth is as wanted, and returns that depth.
func eventually(t *testing.T, driver backlog.Driver, queue, what string, wanted func(protocol.QueueDepth) bool) protocol.QueueDepth {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		depth := measure(t, driver, queue, 0)
		if wanted(depth) {
			return depth
		}
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s; the queue holds %+v", what, patience, depth)
		}
	}
}

// counts are the job counts of a depth.
type counts struct{ Ready, Delayed, Reserved int64 }

func check(t *testing.T, what string, depth protocol.QueueDepth, want counts) {
	t.Helper()
	if got := (counts{depth.Ready, depth.Delayed, depth.Reserved}); got != want {
		t.Errorf("%s: %+v; want %+v", what, got, want)
	}
}

// within checks that a number of seconds is present and between low and high.
func within(t *testing.T, what string, seconds *float64, low, high float64) {
	t.Helper()
	switch {
	case seconds == nil:
		t.Errorf("%s is not told; want between %g and %g", what, low, high)
	case *seconds < low || *seconds > high:
		t.Errorf("%s is %g; want between %g and %g", what, *seconds, low, high)
	}
}

func absent(t *testing.T, what string, seconds *float64) {
	t.Helper()
	if seconds != nil {
		t.Errorf("%s is %g; want none", what, *seconds)
	}
}
