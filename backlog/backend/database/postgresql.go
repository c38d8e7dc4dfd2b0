// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/settings"
)

// postgreSQL is the dialect of PostgreSQL and of servers that speak its protocol.
type postgreSQL struct{}

func (p *postgreSQL) connector(s settings.Database, guard *backlog.Guard) (driver.Connector, error) {
	// The text holds no password, so no error about the text can show it.
	text := fmt.Sprintf("host=%s port=%d user=%s dbname=%s sslmode=%s connect_timeout=2",
		quoteSetting(s.Host), s.Port, quoteSetting(s.Username), quoteSetting(s.Name), s.SSLMode)
	if s.CertificateFile != "" {
		text += " sslrootcert=" + quoteSetting(s.CertificateFile)
	}
	config, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, err
	}
	config.Password = s.Password
	// A connection pool such as PgBouncer lends its connections for one transaction, so
	// nothing may be prepared or set for longer.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0
	config.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
		return guard.Watch(conn, &messages{guard: guard}), nil
	}
	// Without this handler, the library keeps all notifications, which nothing reads.
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) {}
	return stdlib.GetConnector(*config), nil
}

func quoteSetting(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}

func (p *postgreSQL) greet(ctx context.Context, db *sql.DB) (string, error) {
	var version string
	if err := db.QueryRowContext(ctx, "SHOW server_version").Scan(&version); err != nil {
		return "", err
	}
	version, _, _ = strings.Cut(version, " ") // the rest names the distribution
	return "PostgreSQL " + version, nil
}

// begin makes the server read by the index. A scan of the whole table, or a bitmap of all
// rows of a queue, would not stop after the wanted rows.
func (p *postgreSQL) begin() string {
	return fmt.Sprintf("SET LOCAL statement_timeout = %d; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;"+
		" SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off", statementTime.Milliseconds())
}

func (p *postgreSQL) refusal(err error) (code, text string, ok bool) {
	if refused, found := errors.AsType[*pgconn.PgError](err); found {
		return refused.Code, refused.Message, true
	}
	return "", "", false
}

// quoteName quotes a table's name and the schema in front of it, if any.
func quoteName(name, mark string) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		parts[i] = mark + strings.ReplaceAll(part, mark, mark+mark) + mark
	}
	return strings.Join(parts, ".")
}

func (p *postgreSQL) quote(table string) string { return quoteName(table, `"`) }

// timed returns the query unchanged, because begin has set the time limit.
func (p *postgreSQL) timed(query string) string { return query }
