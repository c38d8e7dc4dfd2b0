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
type postgreSQL struct{ settings settings.Database }

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

func (p *postgreSQL) counts(queues []backlog.Queue, at moments, rows int) []query {
	names, soon := make([]string, len(queues)), make([]int64, len(queues))
	for i, queue := range queues {
		names[i], soon[i] = queue.Name, at.now+int64(queue.Soon.Seconds())
	}
	text := fmt.Sprintf("SELECT q.n - 1, c.* FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS q(name, soon, n)"+
		" CROSS JOIN LATERAL (SELECT %s FROM (SELECT reserved_at, available_at FROM %s WHERE queue = q.name LIMIT %d) AS w) AS c",
		columns(at, "q.soon"), quoteName(p.settings.Table, `"`), rows)
	return []query{{sql: text, arguments: []any{names, soon}}}
}

func (p *postgreSQL) payloads(queues []backlog.Queue) query {
	names := make([]string, len(queues))
	for i, queue := range queues {
		names[i] = queue.Name
	}
	return query{sql: fmt.Sprintf("SELECT q.n - 1, p.payload FROM unnest($1::text[]) WITH ORDINALITY AS q(name, n)"+
		" CROSS JOIN LATERAL (SELECT CASE WHEN octet_length(payload) <= %d THEN payload END AS payload FROM %s WHERE queue = q.name LIMIT %d) AS p",
		longest, quoteName(p.settings.Table, `"`), samples), arguments: []any{names}}
}

func (p *postgreSQL) failed() query {
	return query{sql: fmt.Sprintf("SELECT queue, COUNT(*) FROM (SELECT queue FROM %s ORDER BY id DESC LIMIT %d) AS f GROUP BY queue",
		quoteName(p.settings.FailedTable, `"`), maxFailed)}
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

func (p *postgreSQL) failedWindow(before int64, rows int) query {
	return query{sql: fmt.Sprintf("SELECT MIN(id), COUNT(*) FROM (SELECT id FROM %s WHERE id < $1 ORDER BY id DESC LIMIT %d) AS w",
		p.quote(p.settings.FailedTable), rows), arguments: []any{before}}
}

func (p *postgreSQL) failedRows(page failedPage) query {
	uuid := "NULL"
	if page.uuids {
		uuid = "uuid"
	}
	n := 0
	mark := func() string { n++; return fmt.Sprintf("$%d", n) }
	where, arguments := failedFilter(page, mark,
		fmt.Sprintf(`split_part(split_part(LEFT(payload, %d), '"displayName":"', 2), '"', 1)`, headBytes),
		fmt.Sprintf("split_part(LEFT(exception, %d), chr(10), 1)", headBytes), "CAST(id AS text)")
	columns := fmt.Sprintf(failedColumns, uuid, "to_char(failed_at, 'YYYY-MM-DD HH24:MI:SS')", headBytes)
	return query{sql: fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY id DESC LIMIT %d",
		columns, p.quote(p.settings.FailedTable), where, page.limit), arguments: arguments}
}
