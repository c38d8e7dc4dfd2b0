// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"syscall"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/settings"
)

const (
	// maxRows is the number of rows that are read of one queue, and allRows of all queues
	// together. With very many queues, each queue still gets minRows.
	maxRows = 100_000
	allRows = 1_000_000
	minRows = 2_000
	// greetEvery is how often the driver asks the server for its name and version again.
	greetEvery = 10 * time.Minute
	// statementTime is the time after which the server cancels a query.
	statementTime = 2500 * time.Millisecond
)

// Driver measures queues in an SQL database; it implements backlog.Driver.
type Driver struct {
	settings settings.Database
	dialect  dialect
	db       *sql.DB
	// server is the server's name and version; empty until the driver has asked.
	server  string
	greeted time.Time
	failed  failedCounts
	samples sampler
	guard   *backlog.Guard
}

// A dialect holds the differences between the servers.
type dialect interface {
	// connector returns a connector that opens connections under the guard. It opens none
	// itself.
	connector(settings.Database, *backlog.Guard) (driver.Connector, error)
	// greet asks the server for its name and version, and learns what the dialect's
	// queries depend on.
	greet(ctx context.Context, db *sql.DB) (string, error)
	// begin returns a statement to run first in each transaction; empty means none.
	begin() string
	// counts returns the queries that count the jobs of the queues. Each result row has
	// the index of a queue and the columns of type counted.
	counts(queues []backlog.Queue, at moments, rows int) []query
	// payloads returns the query for the payloads of the first few jobs of each queue. A
	// row has the index of the queue, and the payload or null if it is too long.
	payloads(queues []backlog.Queue) query
	// failed returns the query for the number of failed jobs of each queue, by name.
	failed() query
	// quote quotes the name of a table. timed gives a query a time limit, if begin has
	// not set one.
	quote(table string) string
	timed(query string) string
	// failedWindow returns the query for the lowest id and the number of the next rows of
	// failed jobs below an id. failedRows returns the query for the rows of a page.
	failedWindow(before int64, rows int) query
	failedRows(page failedPage) query
	// refusal returns the code and the text of an error that the server sent.
	refusal(err error) (code string, text string, ok bool)
}

// query is SQL with its arguments.
type query struct {
	sql       string
	arguments []any
}

// New returns a driver, which connects when it measures.
func New(s settings.Database) (*Driver, error) {
	d := &Driver{settings: s, dialect: newDialect(s), guard: backlog.NewGuard("the database at " + s.Address())}
	connector, err := d.dialect.connector(s, d.guard)
	if err != nil {
		return nil, backlog.Errorf(protocol.BacklogMisconfigured, "The database settings cannot be used: %s. Correct the DB_ variables of the worker container, or connection.database of the QueueApp.", s.Secrets.Clean(innermost(err).Error()))
	}
	d.db = sql.OpenDB(timed{Connector: connector, guard: d.guard})
	d.db.SetMaxOpenConns(1)
	d.db.SetMaxIdleConns(1)
	d.db.SetConnMaxLifetime(time.Hour)
	return d, nil
}

// innermost returns the cause of an error without the errors that wrap it.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if _, number := inner.(syscall.Errno); inner == nil || number { //nolint:errorlint // it is unwrapped here
			return err
		}
		err = inner
	}
}

func newDialect(s settings.Database) dialect {
	if s.Kind == protocol.DatabasePostgreSQL {
		return &postgreSQL{settings: s}
	}
	return &mySQL{settings: s}
}

// Close implements backlog.Driver.
func (d *Driver) Close() error { return d.db.Close() }

// Describe implements backlog.Driver.
func (d *Driver) Describe() string {
	server := d.server
	if server == "" {
		server = string(d.settings.Kind)
	}
	return fmt.Sprintf("%s at %s, database %s, table %s", server, d.settings.Address(), d.settings.Name, d.settings.Table)
}

// Measure implements backlog.Driver.
func (d *Driver) Measure(ctx context.Context, request backlog.Request) ([]protocol.QueueDepth, error) {
	ctx = d.begin(ctx, len(request.Queues))
	if err := d.greet(ctx, request.Now); err != nil {
		d.server = ""
		return nil, d.explain(err)
	}
	rows := max(minRows, min(maxRows, allRows/max(1, len(request.Queues))))
	found, err := d.count(ctx, request, rows)
	if err != nil {
		d.server = ""
		return nil, d.explain(err)
	}
	failed := d.countFailed(ctx, request.Now)
	timeouts := d.sample(ctx, request)
	depths := make([]protocol.QueueDepth, len(request.Queues))
	for i, queue := range request.Queues {
		depths[i] = found[i].depth(request, queue, d.settings.RetryAfter, rows)
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
	if d.server != "" && now.Sub(d.greeted) < greetEvery {
		return nil
	}
	server, err := d.dialect.greet(ctx, d.db)
	if err != nil {
		return err
	}
	d.server, d.greeted = d.settings.Secrets.Clean(server), now
	return nil
}

// read runs queries in a read-only transaction and passes each row to scan.
func (d *Driver) read(ctx context.Context, queries []query, scan func(*sql.Rows) error) error {
	transaction, err := d.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = transaction.Rollback() }() // nothing was written
	if begin := d.dialect.begin(); begin != "" {
		if _, err := transaction.ExecContext(ctx, begin); err != nil {
			return err
		}
	}
	for _, q := range queries {
		if err := readRows(ctx, transaction, q, scan); err != nil {
			return err
		}
	}
	return nil
}

func readRows(ctx context.Context, transaction *sql.Tx, q query, scan func(*sql.Rows) error) error {
	rows, err := transaction.QueryContext(ctx, q.sql, q.arguments...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
