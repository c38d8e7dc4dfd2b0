// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"database/sql"
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
