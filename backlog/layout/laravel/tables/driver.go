// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"context"
	"fmt"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/backend/database"
	"queueworker.dev/queueworker/backlog/settings"
)

const (
	// maxRows is the number of rows that are read of one queue, and allRows of all queues
	// together. With very many queues, each queue still gets minRows.
	maxRows = 100_000
	allRows = 1_000_000
	minRows = 2_000
)

// Driver measures Laravel's queues in a table of a database; it implements
// backlog.Driver.
type Driver struct {
	server     *database.Server
	statements statements
	table      database.Table
	retryAfter time.Duration
	failed     failedCounts
	samples    sampler
}

// statements are the queries in the SQL of one kind of servers.
type statements interface {
	// learn finds out what the queries depend on.
	learn(ctx context.Context) error
	// counts returns the queries that count the jobs of the queues. Each result row has
	// the index of a queue and the columns of type counted.
	counts(queues []backlog.Queue, at moments, rows int) []database.Query
	// payloads returns the query for the payloads of the first few jobs of each queue. A
	// row has the index of the queue, and the payload or null if it is too long.
	payloads(queues []backlog.Queue) database.Query
	// failed returns the query for the number of failed jobs of each queue, by name.
	failed() database.Query
	// failedWindow returns the query for the lowest id and the number of the next rows of
	// failed jobs below an id. failedRows returns the query for the rows of a page.
	failedWindow(before int64, rows int) database.Query
	failedRows(page failedPage) database.Query
}

// statementsOf returns the statements for a server; nil if its kind has none.
func statementsOf(server *database.Server, jobs, failed string) statements {
	switch server.Kind() {
	case protocol.DatabasePostgreSQL:
		return &postgreSQL{server: server, jobs: jobs, failedJobs: failed}
	case protocol.DatabaseMySQL:
		return &mySQL{server: server, jobs: jobs, failedJobs: failed}
	}
	return nil
}

// New returns a driver of the queues in the table that the settings name.
func New(s settings.Database) (*Driver, error) {
	server, err := database.New(s)
	if err != nil {
		return nil, err
	}
	return &Driver{
		server: server, statements: statementsOf(server, s.Table, s.FailedTable), retryAfter: s.RetryAfter,
		table: database.Table{
			Name:    s.Table,
			Missing: "The database %[2]s at %[1]s has no table %[3]s: run the migrations (php artisan queue:table), or set connection.database.table of the QueueApp.",
			Other:   "The table %[3]s of %[2]s at %[1]s lacks columns of Laravel's jobs table: set connection.database.table of the QueueApp.",
			Slow:    "The database at %[1]s took too long to count the jobs of %[3]s: check its load, and that the table has its index of the column queue.",
		},
	}, nil
}

// Close implements backlog.Driver.
func (d *Driver) Close() error { return d.server.Close() }

// Describe implements backlog.Driver.
func (d *Driver) Describe() string {
	return fmt.Sprintf("%s, table %s", d.server.Describe(), d.table.Name)
}

// Measure implements backlog.Driver.
func (d *Driver) Measure(ctx context.Context, request backlog.Request) ([]protocol.QueueDepth, error) {
	ctx = d.server.Begin(ctx, len(request.Queues))
	if err := d.greet(ctx, request.Now); err != nil {
		return nil, d.server.Explain(err, d.table)
	}
	rows := max(minRows, min(maxRows, allRows/max(1, len(request.Queues))))
	found, err := d.count(ctx, request, rows)
	if err != nil {
		return nil, d.server.Explain(err, d.table)
	}
	failed := d.countFailed(ctx, request.Now)
	timeouts := d.sample(ctx, request)
	depths := make([]protocol.QueueDepth, len(request.Queues))
	for i, queue := range request.Queues {
		depths[i] = found[i].depth(request, queue, d.retryAfter, rows)
		if depths[i].Reason != "" {
			continue
		}
		depths[i].MaxTimeoutSeconds = timeouts[queue.Name]
		if failed != nil {
			depths[i].Failed = new(failed[queue.Name])
		}
	}
	return depths, nil
}

func (d *Driver) greet(ctx context.Context, now time.Time) error {
	asked, err := d.server.Greet(ctx, now)
	if err != nil || !asked {
		return err
	}
	return d.statements.learn(ctx)
}
