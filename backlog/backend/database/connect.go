// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"database/sql/driver"

	"queueworker.dev/queueworker/backlog"
)

const (
	// A measurement may receive answerBytes, and queueBytes for the row about each queue.
	// answerBytes is for samples of payloads and at most 10,000 rows about failed jobs. A
	// page of failed jobs needs less.
	answerBytes = 4 << 20
	queueBytes  = 1 << 10
	// maxMessage bounds one message of the server, such as a row. The longest row of an
	// honest server holds a payload of 16 KiB, or the beginnings of a payload and of an
	// exception.
	maxMessage = 256 << 10
	// maxStatus bounds the bytes about its settings that a server may send on one
	// connection, because the library keeps them.
	maxStatus = 64 << 10
)

// Begin starts a measurement or a listing under the guard. The returned context never
// ends, because the libraries react to the end of a context in a goroutine. A panic there
// about a malformed answer would end the process. Instead, the guard ends the libraries'
// reads.
func (s *Server) Begin(ctx context.Context, queues int) context.Context {
	s.guard.Begin(ctx, answerBytes+queueBytes*queues, 0)
	return context.WithoutCancel(ctx)
}

// timed is a connector that connects within the time of the measurement.
type timed struct {
	driver.Connector
	guard *backlog.Guard
}

// Connect implements driver.Connector.
func (t timed) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := t.guard.Limit(ctx)
	defer cancel()
	return t.Connector.Connect(ctx)
}
