// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/settings"
)

// maxUnited is the number of queues that one query counts.
const maxUnited = 250

// mySQL is the dialect of MySQL and MariaDB.
type mySQL struct {
	settings settings.Database
	mariaDB  bool
	// index is the name of the index on the column queue; empty if there is none.
	index string
}

func (m *mySQL) connector(s settings.Database, guard *backlog.Guard) (driver.Connector, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr, config.User, config.Passwd, config.DBName = s.Network, s.Address(), s.Username, s.Password, s.Name
	config.Timeout, config.ReadTimeout, config.WriteTimeout = 2*time.Second, 4*time.Second, 4*time.Second
	// Interpolation saves a round trip per query. The client quotes the arguments for the
	// character set of the connection.
	config.InterpolateParams = true
	config.Logger = &mysql.NopLogger{}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return guard.Watch(conn, &packets{guard: guard}), nil
	}
	if s.CertificateFile != "" {
		authorities, err := readAuthorities(s.CertificateFile)
		if err != nil {
			return nil, err
		}
		r := &relay{guard: guard, address: "the database at " + s.Address()}
		if config.TLS, r.local, err = localTLS(); err != nil {
			return nil, err
		}
		r.server = &tls.Config{RootCAs: authorities, ServerName: s.Host, MinVersion: tls.VersionTLS12}
		config.DialFunc = r.dial
	}
	return mysql.NewConnector(config)
}

func readAuthorities(file string) (*x509.CertPool, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the certificates of MYSQL_ATTR_SSL_CA cannot be read: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(content) {
		return nil, errors.New("the file of MYSQL_ATTR_SSL_CA holds no certificate")
	}
	return authorities, nil
}

func (m *mySQL) greet(ctx context.Context, db *sql.DB) (string, error) {
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return "", err
	}
	m.mariaDB = strings.Contains(version, "MariaDB")
	schema, table := sql.NullString{}, m.settings.Table
	if before, after, found := strings.Cut(table, "."); found {
		schema, table = sql.NullString{String: before, Valid: true}, after
	}
	err := db.QueryRowContext(ctx, "SELECT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = COALESCE(?, DATABASE())"+
		" AND TABLE_NAME = ? AND COLUMN_NAME = 'queue' AND SEQ_IN_INDEX = 1 ORDER BY INDEX_NAME LIMIT 1", schema, table).Scan(&m.index)
	if errors.Is(err, sql.ErrNoRows) {
		m.index, err = "", nil
	}
	version, _, _ = strings.Cut(version, "-")
	if m.mariaDB {
		return "MariaDB " + version, err
	}
	return "MySQL " + version, err
}

func (m *mySQL) begin() string { return "" }

// limited gives a query a time limit in the syntax of the server.
func (m *mySQL) limited(query string) string {
	if m.mariaDB {
		return fmt.Sprintf("SET STATEMENT max_statement_time=%s FOR %s",
			strconv.FormatFloat(statementTime.Seconds(), 'f', 3, 64), query)
	}
	return fmt.Sprintf("SELECT /*+ MAX_EXECUTION_TIME(%d) */%s", statementTime.Milliseconds(), strings.TrimPrefix(query, "SELECT"))
}

// source returns the table with a hint to read it by the index, because a scan of the
// whole table would not stop after the wanted rows.
func (m *mySQL) source() string {
	table := quoteName(m.settings.Table, "`")
	if m.index == "" {
		return table
	}
	return table + " FORCE INDEX (" + quoteIndex(m.index) + ")"
}

func quoteIndex(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func (m *mySQL) counts(queues []backlog.Queue, at moments, rows int) []query {
	var queries []query
	for start := 0; start < len(queues); start += maxUnited {
		parts := make([]string, 0, maxUnited)
		var names []any
		for i, queue := range queues[start:min(start+maxUnited, len(queues))] {
			soon := strconv.FormatInt(at.now+int64(queue.Soon.Seconds()), 10)
			parts = append(parts, fmt.Sprintf("SELECT %d, %s FROM (SELECT reserved_at, available_at FROM %s WHERE queue = ? LIMIT %d) AS w",
				start+i, columns(at, soon), m.source(), rows))
			names = append(names, queue.Name)
		}
		queries = append(queries, query{sql: m.limited(strings.Join(parts, " UNION ALL ")), arguments: names})
	}
	return queries
}

func (m *mySQL) payloads(queues []backlog.Queue) query {
	parts, names := make([]string, 0, len(queues)), make([]any, 0, len(queues))
	for i, queue := range queues {
		parts = append(parts, fmt.Sprintf("SELECT %d, p.payload FROM (SELECT CASE WHEN LENGTH(payload) <= %d THEN payload END AS payload FROM %s WHERE queue = ? LIMIT %d) AS p",
			i, longest, m.source(), samples))
		names = append(names, queue.Name)
	}
	return query{sql: m.limited(strings.Join(parts, " UNION ALL ")), arguments: names}
}

func (m *mySQL) failed() query {
	return query{sql: m.limited(fmt.Sprintf("SELECT queue, COUNT(*) FROM (SELECT queue FROM %s ORDER BY id DESC LIMIT %d) AS f GROUP BY queue",
		quoteName(m.settings.FailedTable, "`"), maxFailed))}
}

func (m *mySQL) refusal(err error) (code, text string, ok bool) {
	if refused, found := errors.AsType[*mysql.MySQLError](err); found {
		return strconv.Itoa(int(refused.Number)), refused.Message, true
	}
	return "", "", false
}

func (m *mySQL) quote(table string) string { return quoteName(table, "`") }

func (m *mySQL) timed(query string) string { return m.limited(query) }

func (m *mySQL) failedWindow(before int64, rows int) query {
	return query{sql: m.limited(fmt.Sprintf("SELECT MIN(id), COUNT(*) FROM (SELECT id FROM %s WHERE id < ? ORDER BY id DESC LIMIT %d) AS w",
		m.quote(m.settings.FailedTable), rows)), arguments: []any{before}}
}

func (m *mySQL) failedRows(page failedPage) query {
	uuid := "NULL"
	if page.uuids {
		uuid = "uuid"
	}
	head := fmt.Sprintf("LEFT(payload, %d)", headBytes)
	where, arguments := failedFilter(page, func() string { return "?" },
		fmt.Sprintf(`IF(LOCATE('"displayName":"', %[1]s) = 0, '', SUBSTRING_INDEX(SUBSTRING(%[1]s, LOCATE('"displayName":"', %[1]s) + 15), '"', 1))`, head),
		fmt.Sprintf("SUBSTRING_INDEX(LEFT(exception, %d), CHAR(10), 1)", headBytes), "CAST(id AS CHAR)")
	columns := fmt.Sprintf(failedColumns, uuid, "DATE_FORMAT(failed_at, '%Y-%m-%d %H:%i:%s')", headBytes)
	return query{sql: m.limited(fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY id DESC LIMIT %d",
		columns, m.quote(m.settings.FailedTable), where, page.limit)), arguments: arguments}
}
