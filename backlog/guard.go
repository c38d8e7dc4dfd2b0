// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backlog

import (
	"context"
	"fmt"
	"sync"
	"time"

	"queueworker.dev/queueworker/api/protocol"
)

// A Guard bounds what a backend may send in one measurement on all connections of one
// driver: bytes, elements and time. The backends' libraries do not: they allocate the
// size that an answer declares before it arrives, and begin their timeout anew with each
// part of it.
type Guard struct {
	// backend names the server in messages.
	backend string

	mutex           sync.Mutex
	bytes, elements int
	deadline        time.Time
	refused         *Error
}

// NewGuard returns a guard. Its budgets are empty until Begin.
func NewGuard(backend string) *Guard { return &Guard{backend: backend} }

// Begin starts a measurement: it sets the budgets, takes the deadline of ctx, and forgets
// an earlier refusal.
func (g *Guard) Begin(ctx context.Context, bytes, elements int) {
	deadline, _ := ctx.Deadline()
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.bytes, g.elements, g.deadline, g.refused = bytes, elements, deadline, nil
}

// Limit returns ctx with the deadline of the measurement.
func (g *Guard) Limit(ctx context.Context) (context.Context, context.CancelFunc) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.deadline.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, g.deadline)
}

// Refusal returns why a connection was given up or could not be made in this measurement;
// nil if neither happened.
func (g *Guard) Refusal() *Error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.refused
}

// Refuse records why a connection is given up, and returns it as an error. The text says
// what the backend did.
func (g *Guard) Refuse(format string, arguments ...any) *Error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.refuse(fmt.Sprintf(format, arguments...))
}

// Fail records why there is no connection.
func (g *Guard) Fail(problem *Error) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.refused == nil {
		g.refused = problem
	}
}

// refuse keeps the first refusal of a measurement, which is the cause of the others.
func (g *Guard) refuse(text string) *Error {
	problem := Errorf(protocol.BacklogUnreadable, "%s %s: check that the settings name the right server.", capital(g.backend), text)
	if g.refused == nil {
		g.refused = problem
	}
	return problem
}

// Elements subtracts the number of elements that an answer declares from the budget.
func (g *Guard) Elements(count int) error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if count > g.elements {
		return g.refuse("answered with more elements than a measurement can have")
	}
	g.elements -= count
	return nil
}

func (g *Guard) received(bytes int) error {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if bytes > g.bytes {
		g.bytes = 0
		return g.refuse("answered with more bytes than a measurement can have")
	}
	g.bytes -= bytes
	return nil
}

// earliest returns the deadline of the measurement or the wanted deadline, whichever is
// first.
func (g *Guard) earliest(wanted time.Time) time.Time {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if wanted.IsZero() || !g.deadline.IsZero() && g.deadline.Before(wanted) {
		return g.deadline
	}
	return wanted
}

// late records that a read ended at the deadline of the measurement.
func (g *Guard) late() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.refused == nil && !g.deadline.IsZero() && !time.Now().Before(g.deadline) {
		g.refused = noAnswer(g.backend)
	}
}
