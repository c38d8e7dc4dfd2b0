// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// A Subject is a driver under test, with the application whose jobs it measures.
type Subject struct {
	// Open returns a new driver for the application's backend, told the application's
	// retry_after.
	Open func(t *testing.T, retryAfter time.Duration) backlog.Driver
	// Application puts jobs there and works on them.
	Application Application
	// TellsFailed says that the backend knows of failed jobs.
	TellsFailed bool
	// TellsAge says that the backend knows since when a job that was never delayed waits.
	TellsAge bool
}

// Application is a real application with workers.
type Application interface {
	// Dispatch puts jobs onto a queue.
	Dispatch(t *testing.T, jobs Jobs)
	// Work runs a worker until it ends by itself, as arguments of queue:work say.
	Work(t *testing.T, retryAfter time.Duration, queue string, arguments ...string)
	// Start starts a worker; the function it returns kills it, without grace.
	Start(t *testing.T, retryAfter time.Duration, queue string) (kill func())
}

// Jobs are jobs of one kind.
type Jobs struct {
	// Kind is what they do: quick, released (puts itself back once), failing or hanging.
	Kind  string
	Queue string
	Count int
	// Delay is after how long they are due, in whole seconds.
	Delay time.Duration
	// Timeout is the timeout they set for themselves, in whole seconds; 0: none.
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

// patience is how long a condition is waited for: the machine may be busy.
const patience = 30 * time.Second

// eventually measures until the depth is as wanted, and returns it.
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

// counts are the numbers of a depth.
type counts struct{ Ready, Delayed, Reserved int64 }

func check(t *testing.T, what string, depth protocol.QueueDepth, want counts) {
	t.Helper()
	if got := (counts{depth.Ready, depth.Delayed, depth.Reserved}); got != want {
		t.Errorf("%s: %+v; want %+v", what, got, want)
	}
}

// within checks a number of seconds that should be there.
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
