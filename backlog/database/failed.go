// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

const (
	// maxFailed is how many failed jobs are looked at, the latest of all queues. Their
	// table has no index of the queue, and long rows.
	maxFailed = 10_000
	// failedEvery is how often they are counted.
	failedEvery = 15 * time.Second
)

// failedCounts are the failed jobs by queue, as counted last.
type failedCounts struct {
	counted time.Time
	// byQueue is nil where the table is not there or may not be read: an application
	// may keep its failed jobs elsewhere, or not at all.
	byQueue map[string]int64
}

func (d *Driver) countFailed(ctx context.Context, now time.Time) map[string]int64 {
	if now.Sub(d.failed.counted) < failedEvery {
		return d.failed.byQueue
	}
	byQueue := map[string]int64{}
	err := d.read(ctx, []query{d.dialect.failed()}, func(row *sql.Rows) error {
		var queue string
		var count int64
		if err := row.Scan(&queue, &count); err != nil {
			return err
		}
		byQueue[queue] += count
		return nil
	})
	if err != nil {
		byQueue = nil
	}
	d.failed = failedCounts{counted: now, byQueue: byQueue}
	return byQueue
}

// The SQL that both servers have in common. What is searched are the heads of payload
// and exception: the class's name stands first in a payload, and of an exception the
// first line is shown. A payload need not be JSON, so it is taken apart as text.
const failedColumns = "id, %[1]s, connection, queue, %[2]s, LEFT(payload, %[3]d), LEFT(exception, %[3]d)"

// failedFilter is the condition of a page and its arguments, with a placeholder for each.
func failedFilter(page failedPage, mark func() string, class, line, number string) (string, []any) {
	conditions, arguments := []string{"id < " + mark()}, []any{page.before}
	if page.from != 0 {
		conditions, arguments = append(conditions, "id >= "+mark()), append(arguments, page.from)
	}
	if page.queue != "" {
		conditions, arguments = append(conditions, "queue = "+mark()), append(arguments, page.queue)
	}
	if page.pattern != "" {
		like := func(what, pattern string) string {
			arguments = append(arguments, pattern)
			return "LOWER(" + what + ") LIKE " + mark() + " ESCAPE '!'"
		}
		ways := []string{like(number, page.pattern), like("queue", page.pattern), like(class, page.escaped), like(line, page.pattern)}
		if page.uuids {
			ways = append(ways, like("uuid", page.pattern))
		}
		conditions = append(conditions, "("+strings.Join(ways, " OR ")+")")
	}
	return strings.Join(conditions, " AND "), arguments
}
