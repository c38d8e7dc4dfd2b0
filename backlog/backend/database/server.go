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
	// greetEvery is how often a server is asked for its name and version again.
	greetEvery = 10 * time.Minute
	// statementTime is the time after which the server cancels a query.
	statementTime = 2500 * time.Millisecond
)

// Server is a PostgreSQL, MySQL or MariaDB server. Calls to it must not overlap.
type Server struct {
	settings settings.Database
	dialect  dialect
	db       *sql.DB
	// version is the server's name and version; empty until it was asked.
	version string
	greeted time.Time
	guard   *backlog.Guard
}

// A dialect holds the differences between the servers.
type dialect interface {
	// connector returns a connector that opens connections under the guard. It opens none
	// itself.
	connector(settings.Database, *backlog.Guard) (driver.Connector, error)
	// greet asks the server for its name and version.
	greet(ctx context.Context, db *sql.DB) (string, error)
	// begin returns a statement to run first in each transaction; empty means none.
	begin() string
	// timed gives a query a time limit, if begin has not set one.
	timed(query string) string
	// quote quotes the name of a table.
	quote(table string) string
	// refusal returns the code and the text of an error that the server sent.
	refusal(err error) (code string, text string, ok bool)
}

// Query is SQL with its arguments.
type Query struct {
	SQL       string
	Arguments []any
}

// New returns a server, which is connected to when it is asked.
func New(s settings.Database) (*Server, error) {
	server := &Server{settings: s, dialect: dialectOf(s.Kind), guard: backlog.NewGuard("the database at " + s.Address())}
	if server.dialect == nil {
		return nil, backlog.Errorf(protocol.BacklogMisconfigured, "The kind of the database is neither PostgreSQL nor MySQL: set connection.database.kind of the QueueApp.")
	}
	connector, err := server.dialect.connector(s, server.guard)
	if err != nil {
		return nil, backlog.Errorf(protocol.BacklogMisconfigured, "The database settings cannot be used: %s. Correct the DB_ variables of the worker container, or connection.database of the QueueApp.", s.Secrets.Clean(innermost(err).Error()))
	}
	server.db = sql.OpenDB(timed{Connector: connector, guard: server.guard})
	server.db.SetMaxOpenConns(1)
	server.db.SetMaxIdleConns(1)
	server.db.SetConnMaxLifetime(time.Hour)
	return server, nil
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

// dialectOf returns the dialect of a kind of servers; nil if there is none.
func dialectOf(kind protocol.DatabaseKind) dialect {
	switch kind {
	case protocol.DatabasePostgreSQL:
		return &postgreSQL{}
	case protocol.DatabaseMySQL:
		return &mySQL{}
	}
	return nil
}

// Close closes the connection.
func (s *Server) Close() error { return s.db.Close() }

// KeepIdle sets how long an idle connection is kept.
func (s *Server) KeepIdle(length time.Duration) { s.db.SetConnMaxIdleTime(length) }

// Kind returns the kind of the server, which decides the SQL that it understands.
func (s *Server) Kind() protocol.DatabaseKind { return s.settings.Kind }

// Describe says in words what the server is, as far as is known, without any secret.
func (s *Server) Describe() string {
	version := s.version
	if version == "" {
		version = string(s.settings.Kind)
	}
	return fmt.Sprintf("%s at %s, database %s", version, s.settings.Address(), s.settings.Name)
}

// Greet asks the server for its name and version, once after each failure and then every
// greetEvery. It reports whether it has asked.
func (s *Server) Greet(ctx context.Context, now time.Time) (asked bool, err error) {
	if s.version != "" && now.Sub(s.greeted) < greetEvery {
		return false, nil
	}
	version, err := s.dialect.greet(ctx, s.db)
	if err != nil {
		return true, err
	}
	s.version, s.greeted = s.settings.Secrets.Clean(version), now
	return true, nil
}

// Quote quotes the name of a table, which may have a schema in front.
func (s *Server) Quote(table string) string { return s.dialect.quote(table) }

// Timed gives a query a time limit, unless every transaction has one.
func (s *Server) Timed(query string) string { return s.dialect.timed(query) }

// Refuse records that the server did something that no honest server does, and returns it
// as an error.
func (s *Server) Refuse(format string, arguments ...any) error {
	return s.guard.Refuse(format, arguments...)
}

// First reads the first row of a query. The error is sql.ErrNoRows if there is none.
func (s *Server) First(ctx context.Context, q Query, targets ...any) error {
	return s.db.QueryRowContext(ctx, q.SQL, q.Arguments...).Scan(targets...)
}

// Columns returns the names of a table's columns.
func (s *Server) Columns(ctx context.Context, table string) ([]string, error) {
	rows, err := s.db.QueryContext(ctx, "SELECT * FROM "+s.Quote(table)+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	return columns, errors.Join(err, rows.Err())
}

// Read runs queries in a read-only transaction and passes each row to scan.
func (s *Server) Read(ctx context.Context, queries []Query, scan func(*sql.Rows) error) error {
	transaction, err := s.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = transaction.Rollback() }() // nothing was written
	if begin := s.dialect.begin(); begin != "" {
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

func readRows(ctx context.Context, transaction *sql.Tx, q Query, scan func(*sql.Rows) error) error {
	rows, err := transaction.QueryContext(ctx, q.SQL, q.Arguments...)
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
