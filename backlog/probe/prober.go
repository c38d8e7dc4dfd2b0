// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

const (
	// fresh is the greatest age of a measurement that answers a request.
	fresh = time.Second
	// apart is the least time between the starts of two measurements. It is shorter than
	// fresh, so that a new queue is measured sooner.
	apart = 250 * time.Millisecond
	// deadline bounds the time of a measurement.
	deadline = 3 * time.Second
)

// A Prober answers requests from measurements.
type Prober struct {
	driver backlog.Driver
	// broken says what is wrong with the configuration; if it is set, driver is nil.
	broken *backlog.Error
	now    func() time.Time
	// tell logs changes in the state of the backend.
	tell func(format string, arguments ...any)

	// turn is held by the request that measures, and guards the driver's state.
	turn   chan struct{}
	last   atomic.Pointer[measurement]
	counts counters
}

// counters count the measurements.
type counters struct {
	measured, failed atomic.Int64
}

// measurement holds what the backend answered at one moment.
type measurement struct {
	began, ended time.Time
	asked        map[string]time.Duration // soon, by queue
	depths       map[string]protocol.QueueDepth
	problem      *backlog.Error
	backend      string
}

// New returns a prober of the driver. If driver is nil, problem says why.
func New(driver backlog.Driver, problem *backlog.Error, tell func(format string, arguments ...any)) *Prober {
	p := &Prober{driver: driver, broken: problem, now: time.Now, tell: tell, turn: make(chan struct{}, 1)}
	if driver == nil && problem == nil {
		p.broken = backlog.Errorf(protocol.BacklogMisconfigured, "There is no backend to ask.")
	}
	return p
}

// Answer answers a request and measures if necessary. It gives up waiting for another
// measurement when ctx ends.
func (p *Prober) Answer(ctx context.Context, request protocol.BacklogRequest) protocol.Backlog {
	if p.broken != nil {
		return protocol.Backlog{Version: protocol.Version, Reason: p.broken.Reason, Message: p.broken.Message}
	}
	queues, soon := measurable(request.Queues), time.Duration(request.SoonSeconds*float64(time.Second))
	if len(queues) == 0 {
		return p.document(&measurement{ended: p.now()}, request.Queues)
	}
	if m := p.last.Load(); m.serves(queues, soon, p.now()) {
		return p.document(m, request.Queues)
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return protocol.Backlog{Version: protocol.Version, Reason: protocol.BacklogUnreachable, Message: "The backend has not answered yet."}
	}
	m := p.last.Load()
	if !m.serves(queues, soon, p.now()) {
		m = p.measure(ctx, m, queues, soon)
	}
	return p.document(m, request.Queues)
}

// serves reports whether, at now, a measurement is fresh enough and covers the queues.
func (m *measurement) serves(queues []string, soon time.Duration, now time.Time) bool {
	if m == nil || now.Sub(m.ended) > fresh {
		return false
	}
	for _, name := range queues {
		if asked, found := m.asked[name]; !found || asked != soon {
			return false
		}
	}
	return true
}

// measure measures only the queues of a request, because only the operator may name
// queues. The measurement goes on if the client leaves, so that the next request finds
// its result.
func (p *Prober) measure(ctx context.Context, last *measurement, queues []string, soon time.Duration) *measurement {
	if last != nil {
		pause(ctx, apart-p.now().Sub(last.began))
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
	defer cancel()
	request := backlog.Request{Now: p.now()}
	m := &measurement{began: request.Now, asked: map[string]time.Duration{}}
	for _, name := range slices.Sorted(slices.Values(queues)) {
		request.Queues = append(request.Queues, backlog.Queue{Name: name, Soon: soon})
		m.asked[name] = soon
	}
	depths, err := p.ask(limited, request)
	m.ended, m.backend = p.now(), p.driver.Describe()
	p.counts.measured.Add(1)
	if err != nil {
		p.counts.failed.Add(1)
		m.problem = backlog.AsError(err, nil)
	} else {
		m.depths = make(map[string]protocol.QueueDepth, len(depths))
		for i := range depths {
			m.depths[depths[i].Queue] = depths[i]
		}
	}
	p.tellChange(last, m)
	p.last.Store(m)
	return m
}

// ask calls the driver. A panic of the driver costs only this measurement.
func (p *Prober) ask(ctx context.Context, request backlog.Request) (depths []protocol.QueueDepth, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = backlog.Errorf(protocol.BacklogUnreadable, "The probe failed on what the backend answered (%T); please report this.", fault)
		}
	}()
	depths, err = p.driver.Measure(ctx, request)
	if err == nil && len(depths) != len(request.Queues) {
		err = fmt.Errorf("%d queues were measured of %d", len(depths), len(request.Queues))
	}
	return depths, err
}

// pause waits for length, or until ctx ends.
func pause(ctx context.Context, length time.Duration) {
	if length <= 0 {
		return
	}
	select {
	case <-time.After(length):
	case <-ctx.Done():
	}
}

func (p *Prober) tellChange(last, now *measurement) {
	var before, after string
	if last != nil && last.problem != nil {
		before = last.problem.Message
	}
	if now.problem != nil {
		after = now.problem.Message
	}
	switch {
	case after != "" && after != before:
		p.tell("%s", after)
	case after == "" && (last == nil || before != ""):
		p.tell("reading %s", now.backend)
	}
}

// document returns the answer for the given queues from a measurement.
func (p *Prober) document(m *measurement, queues []string) protocol.Backlog {
	document := protocol.Backlog{
		Version: protocol.Version, Backend: m.backend,
		AgeSeconds: math.Max(0, p.now().Sub(m.ended).Seconds()),
	}
	if m.problem != nil {
		document.Reason, document.Message = m.problem.Reason, m.problem.Message
		return document
	}
	for _, name := range queues {
		depth, found := m.depths[name]
		if !found {
			depth = m.missing(name)
		}
		document.Queues = append(document.Queues, depth)
	}
	return document
}

// missing returns a depth that says why a measurement lacks a queue.
func (m *measurement) missing(name string) protocol.QueueDepth {
	if len(name) > maxNameBytes {
		return protocol.QueueDepth{Queue: name, Reason: protocol.BacklogMisconfigured, Message: fmt.Sprintf(
			"The name of the queue has %d bytes, and only %d can be measured: give the queue a shorter name.", len(name), maxNameBytes)}
	}
	return protocol.QueueDepth{Queue: name, Reason: protocol.BacklogUnreadable, Message: "The queue was left out of the measurement."}
}
