// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// moments are the times that decide the states of jobs, in seconds since 1970.
type moments struct {
	// A job due at now is ready; a job reserved at expired or earlier is given out again.
	now, expired int64
}

// counted holds the counts of one queue's rows, in the order of columns.
type counted struct {
	// seen is the number of rows that were read.
	seen                                        int64
	ready, delayed, soon, reserved, abandoned   sql.NullInt64
	oldestReady, nextDue, oldestAbandoned, next sql.NullInt64
}

// columns returns the SELECT columns for counted, in SQL that PostgreSQL and MySQL have
// in common. soon is an expression for the second until which a delayed job is due soon.
func columns(at moments, soon string) string {
	const (
		free  = "reserved_at IS NULL AND available_at"
		count = "SUM(CASE WHEN %s THEN 1 ELSE 0 END)"
		least = "MIN(CASE WHEN %s THEN %s END)"
	)
	due, later := fmt.Sprintf(free+" <= %d", at.now), fmt.Sprintf(free+" > %d", at.now)
	taken, left := fmt.Sprintf("reserved_at > %d", at.expired), fmt.Sprintf("reserved_at <= %d", at.expired)
	return fmt.Sprintf("COUNT(*), "+count+", "+count+", "+count+", "+count+", "+count+", "+least+", "+least+", "+least+", "+least,
		due, later, later+" AND available_at <= "+soon, taken, left,
		due, "available_at", later, "available_at", left, "reserved_at", taken, "reserved_at")
}

func (c *counted) targets(index *int) []any {
	return []any{
		index, &c.seen, &c.ready, &c.delayed, &c.soon, &c.reserved, &c.abandoned,
		&c.oldestReady, &c.nextDue, &c.oldestAbandoned, &c.next,
	}
}

// count counts the jobs of all queues, in at most rows rows of each.
func (d *Driver) count(ctx context.Context, request backlog.Request, rows int) ([]counted, error) {
	at := moments{now: request.Second(), expired: request.Second() - int64(d.retryAfter/time.Second)}
	found := make([]counted, len(request.Queues))
	err := d.server.Read(ctx, d.statements.counts(request.Queues, at, rows), func(row *sql.Rows) error {
		var c counted
		var index int
		if err := row.Scan(c.targets(&index)...); err != nil {
			return err
		}
		if index < 0 || index >= len(found) {
			return fmt.Errorf("the server counted a queue %d that was not asked for", index)
		}
		found[index] = c
		return nil
	})
	return found, err
}

// depth converts the counts of at most rows rows to a QueueDepth.
func (c *counted) depth(request backlog.Request, queue backlog.Queue, retryAfter time.Duration, rows int) protocol.QueueDepth {
	depth := protocol.QueueDepth{
		Queue: queue.Name, Ready: c.ready.Int64 + c.abandoned.Int64,
		Delayed: c.delayed.Int64, Reserved: c.reserved.Int64,
	}
	if c.seen >= int64(rows) && depth.Ready == 0 {
		return protocol.QueueDepth{
			Queue: queue.Name, Reason: protocol.BacklogUnreadable,
			Message: fmt.Sprintf("The probe looked at the first %d jobs of the queue, and all of them are delayed or reserved: it does not know whether a job behind them is ready.", rows),
		}
	}
	if queue.Soon > 0 {
		depth.DueSoon = c.soon.Int64
	}
	wait := int64(retryAfter / time.Second)
	if oldest, ok := earliest(c.oldestReady, after(c.oldestAbandoned, wait)); ok {
		depth.OldestSeconds = request.Age(float64(oldest))
	}
	if next, ok := earliest(c.nextDue, after(c.next, wait)); ok {
		depth.NextDueSeconds = request.Until(float64(next))
	}
	return depth
}

func after(moment sql.NullInt64, seconds int64) sql.NullInt64 {
	moment.Int64 += seconds
	return moment
}

func earliest(a, b sql.NullInt64) (int64, bool) {
	switch {
	case a.Valid && b.Valid:
		return min(a.Int64, b.Int64), true
	case a.Valid:
		return a.Int64, true
	}
	return b.Int64, b.Valid
}
