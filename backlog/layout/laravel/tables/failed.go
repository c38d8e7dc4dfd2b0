// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"queueworker.dev/queueworker/backlog/backend/database"
)

const (
	// maxFailed is the number of failed jobs that are read, the latest of all queues.
	// Their table has no index on the queue, and its rows are long.
	maxFailed = 10_000
	// failedEvery is how often failed jobs are counted.
	failedEvery = 15 * time.Second
)

// failedCounts holds the latest counts of failed jobs by queue.
type failedCounts struct {
	counted time.Time
	// byQueue is nil if the table does not exist or may not be read. An application may
	// keep its failed jobs elsewhere, or keep none.
	byQueue map[string]int64
}

func (d *Driver) countFailed(ctx context.Context, now time.Time) map[string]int64 {
	if now.Sub(d.failed.counted) < failedEvery {
		return d.failed.byQueue
	}
	byQueue := map[string]int64{}
	err := d.server.Read(ctx, []database.Query{d.statements.failed()}, func(row *sql.Rows) error {
		var queue string
		var count int64
		if err := row.Scan(&queue, &count); err != nil {
			return err
		}
		if byQueue[queue] += count; len(byQueue) > maxFailed {
			return d.server.Refuse("counted failed jobs of more queues than there are failed jobs")
		}
		return nil
	})
	if err != nil {
		byQueue = nil
	}
	d.failed = failedCounts{counted: now, byQueue: byQueue}
	return byQueue
}

// failedColumns is SQL that both servers have in common. A search reads the heads of
// payload and exception, because the class name comes first in a payload and only the
// first line of an exception is shown. A payload need not be JSON, so it is parsed as
// text.
const failedColumns = "id, %[1]s, connection, queue, %[2]s, LEFT(payload, %[3]d), LEFT(exception, %[3]d)"

// failedFilter returns the condition of a page and its arguments. mark returns the next
// placeholder.
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
