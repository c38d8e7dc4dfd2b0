// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// long is a retry_after that does not pass during a test; short is one that does.
const (
	long  = time.Hour
	short = 2 * time.Second
)

// Run runs the conformance tests against a driver.
func Run(t *testing.T, s Subject) {
	for name, test := range map[string]func(*testing.T, Subject){
		"an empty queue holds nothing":                 empty,
		"ready jobs are counted":                       ready,
		"delayed jobs are told with their time":        delayed,
		"a due job is ready though no worker moved it": due,
		"a job in work is reserved":                    reserved,
		"an abandoned job is ready again":              abandoned,
		"a released job is ready again":                released,
		"a failed job is gone":                         failed,
		"odd names are names":                          oddNames,
		"many queues are told in the order asked":      many,
		"waiting jobs tell their timeouts":             timeouts,
		"a deadline that has passed is unreachable":    late,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}

// queueName returns a name that no other test uses.
func queueName(t *testing.T) string {
	return strings.Map(func(r rune) rune {
		if r == '/' || r == ' ' {
			return '-'
		}
		return r
	}, strings.TrimPrefix(t.Name(), "Test"))
}

func (s Subject) open(t *testing.T, retryAfter time.Duration) backlog.Driver {
	t.Helper()
	driver := s.Open(t, retryAfter)
	t.Cleanup(func() {
		if err := driver.Close(); err != nil {
			t.Errorf("close the driver: %v", err)
		}
	})
	return driver
}

func empty(t *testing.T, s Subject) {
	depth := measure(t, s.open(t, long), queueName(t), time.Minute)
	check(t, "a queue that never was", depth, counts{})
	absent(t, "the age of the oldest job", depth.OldestSeconds)
	absent(t, "the time to the next job", depth.NextDueSeconds)
	if depth.DueSoon != 0 || depth.MaxTimeoutSeconds != nil {
		t.Errorf("an empty queue tells %+v", depth)
	}
}

func ready(t *testing.T, s Subject) {
	queue, driver := queueName(t), s.open(t, long)
	started := time.Now()
	s.Application.Dispatch(t, Jobs{Kind: "quick", Queue: queue, Count: 3})
	depth := measure(t, driver, queue, time.Minute)
	check(t, "3 jobs", depth, counts{Ready: 3})
	absent(t, "the time to the next job", depth.NextDueSeconds)
	if s.TellsAge {
		within(t, "the age of the oldest job", depth.OldestSeconds, 0, time.Since(started).Seconds()+1)
	}
	// The second measurement finds the same first job, which has waited since the first
	// measurement at least.
	again := eventually(t, driver, queue, "an age", func(d protocol.QueueDepth) bool { return d.OldestSeconds != nil })
	within(t, "the age of a job that stands", again.OldestSeconds, 0, time.Since(started).Seconds()+1)
	s.Application.Work(t, long, queue, "--stop-when-empty")
	check(t, "after the work", measure(t, driver, queue, 0), counts{})
}

func delayed(t *testing.T, s Subject) {
	queue, driver := queueName(t), s.open(t, long)
	s.Application.Dispatch(t, Jobs{Kind: "quick", Queue: queue, Count: 2, Delay: 100 * time.Second})
	s.Application.Dispatch(t, Jobs{Kind: "quick", Queue: queue, Count: 1, Delay: 1000 * time.Second})
	depth := measure(t, driver, queue, 200*time.Second)
	check(t, "3 jobs of later", depth, counts{Delayed: 3})
	within(t, "the time to the next job", depth.NextDueSeconds, 100-patience.Seconds(), 100)
	absent(t, "the age of the oldest job", depth.OldestSeconds)
	if depth.DueSoon != 2 {
		t.Errorf("%d jobs are due within 200 s; want 2", depth.DueSoon)
	}
	if none := measure(t, driver, queue, time.Second).DueSoon; none != 0 {
		t.Errorf("%d jobs are due within 1 s; want 0", none)
	}
}

func due(t *testing.T, s Subject) {
	queue, driver := queueName(t), s.open(t, long)
	s.Application.Dispatch(t, Jobs{Kind: "quick", Queue: queue, Count: 1, Delay: 2 * time.Second})
	dispatched := time.Now()
	depth := eventually(t, driver, queue, "the job is due", func(d protocol.QueueDepth) bool { return d.Ready == 1 })
	check(t, "a due job", depth, counts{Ready: 1})
	absent(t, "the time to the next job", depth.NextDueSeconds)
	// The age counts from when the job was due, not from its dispatch.
	within(t, "the age of the oldest job", depth.OldestSeconds, 0, max(1, time.Since(dispatched).Seconds()-1))
}

func reserved(t *testing.T, s Subject) {
	queue, driver := queueName(t), s.open(t, long)
	s.Application.Dispatch(t, Jobs{Kind: "hanging", Queue: queue, Count: 2})
	kill := s.Application.Start(t, long, queue)
	depth := eventually(t, driver, queue, "a job is in work", func(d protocol.QueueDepth) bool { return d.Reserved == 1 })
	check(t, "one in work, one ready", depth, counts{Ready: 1, Reserved: 1})
	within(t, "the time until the job is given out again", depth.NextDueSeconds, long.Seconds()-patience.Seconds(), long.Seconds())
	kill()
}

func abandoned(t *testing.T, s Subject) {
	queue, driver := queueName(t), s.open(t, short)
	s.Application.Dispatch(t, Jobs{Kind: "hanging", Queue: queue, Count: 1})
	kill := s.Application.Start(t, short, queue)
	depth := eventually(t, driver, queue, "the job was taken", func(d protocol.QueueDepth) bool { return d.Reserved == 1 })
	within(t, "the time until the job is given out again", depth.NextDueSeconds, 0, short.Seconds())
	kill()
	depth = eventually(t, driver, queue, "the job is given up", func(d protocol.QueueDepth) bool { return d.Ready == 1 })
	check(t, "an abandoned job", depth, counts{Ready: 1})
	within(t, "the age of the oldest job", depth.OldestSeconds, 0, patience.Seconds())
	absent(t, "the time to the next job", depth.NextDueSeconds)
}

func released(t *testing.T, s Subject) {
	queue, driver := queueName(t), s.open(t, long)
	s.Application.Dispatch(t, Jobs{Kind: "released", Queue: queue, Count: 1})
	s.Application.Work(t, long, queue, "--max-jobs=1")
	depth := eventually(t, driver, queue, "the job is back", func(d protocol.QueueDepth) bool { return d.Ready == 1 })
	check(t, "a released job", depth, counts{Ready: 1})
	within(t, "the age of the oldest job", depth.OldestSeconds, 0, patience.Seconds())
}

func failed(t *testing.T, s Subject) {
	queue, driver := queueName(t), s.open(t, long)
	s.Application.Dispatch(t, Jobs{Kind: "failing", Queue: queue, Count: 2})
	s.Application.Work(t, long, queue, "--stop-when-empty", "--tries=1")
	depth := measure(t, driver, queue, 0)
	check(t, "after both have failed", depth, counts{})
	switch {
	case s.TellsFailed && depth.Failed == nil:
		t.Error("the number of failed jobs is not told; want 2")
	case s.TellsFailed && *depth.Failed != 2:
		t.Errorf("%d jobs have failed; want 2", *depth.Failed)
	case !s.TellsFailed && depth.Failed != nil:
		t.Errorf("%d jobs have failed, says a backend that does not know", *depth.Failed)
	}
}

func oddNames(t *testing.T, s Subject) {
	driver, base := s.open(t, long), queueName(t)
	odd := []string{
		"{tagged}", "with space", "a:b:delayed", "quote'\"`\\", "größe-队列", "%s$1?", "*[a-z]", "UPPER", "--; DROP TABLE jobs",
	}
	names := make([]string, 0, len(odd))
	for _, name := range odd {
		names = append(names, base+name)
	}
	for i, name := range names {
		s.Application.Dispatch(t, Jobs{Kind: "quick", Queue: name, Count: i + 1})
	}
	for i, depth := range measureAll(t, driver, time.Minute, names...) {
		if depth.Reason != "" {
			t.Errorf("queue %q: %s: %s", depth.Queue, depth.Reason, depth.Message)
		}
		check(t, fmt.Sprintf("queue %q", depth.Queue), depth, counts{Ready: int64(i + 1)})
	}
}

func many(t *testing.T, s Subject) {
	driver, base := s.open(t, long), queueName(t)
	s.Application.Dispatch(t, Jobs{Kind: "quick", Queue: base + "-7", Count: 7})
	s.Application.Dispatch(t, Jobs{Kind: "quick", Queue: base + "-999", Count: 9})
	names := make([]string, protocol.MaxBacklogQueues)
	for i := range names {
		names[i] = fmt.Sprintf("%s-%d", base, len(names)-1-i)
	}
	for _, depth := range measureAll(t, driver, time.Minute, names...) {
		want := counts{}
		switch depth.Queue {
		case base + "-7":
			want.Ready = 7
		case base + "-999":
			want.Ready = 9
		}
		check(t, depth.Queue, depth, want)
	}
}

func timeouts(t *testing.T, s Subject) {
	queue := queueName(t)
	s.Application.Dispatch(t, Jobs{Kind: "quick", Queue: queue, Count: 1})
	s.Application.Dispatch(t, Jobs{Kind: "quick", Queue: queue, Count: 1, Timeout: 120 * time.Second})
	s.Application.Dispatch(t, Jobs{Kind: "quick", Queue: queue, Count: 1, Timeout: 45 * time.Second, Delay: time.Hour})
	depth := measure(t, s.open(t, long), queue, 0)
	if depth.MaxTimeoutSeconds == nil || *depth.MaxTimeoutSeconds != 120 {
		t.Errorf("the longest timeout is told as %v; want 120", depth.MaxTimeoutSeconds)
	}
}

func late(t *testing.T, s Subject) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	driver := s.open(t, long)
	_, err := driver.Measure(ctx, backlog.Request{Queues: []backlog.Queue{{Name: "default"}}, Now: time.Now()})
	problem, ok := errors.AsType[*backlog.Error](err)
	if !ok || problem.Reason != protocol.BacklogUnreachable {
		t.Errorf("measuring after the deadline: %v; want %s", err, protocol.BacklogUnreachable)
	}
	check(t, "the next measurement", measure(t, driver, queueName(t), 0), counts{})
}
