// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/backend/database"
)

// maxUnited is the number of queues that one query counts.
const maxUnited = 250

// mySQL has the statements for MySQL and MariaDB.
type mySQL struct {
	server           *database.Server
	jobs, failedJobs string
	// index is the name of the index on the column queue; empty if there is none.
	index string
}

// learn finds the index of the column queue.
func (m *mySQL) learn(ctx context.Context) error {
	schema, table := sql.NullString{}, m.jobs
	if before, after, found := strings.Cut(table, "."); found {
		schema, table = sql.NullString{String: before, Valid: true}, after
	}
	err := m.server.First(ctx, database.Query{
		SQL: "SELECT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = COALESCE(?, DATABASE())" +
			" AND TABLE_NAME = ? AND COLUMN_NAME = 'queue' AND SEQ_IN_INDEX = 1 ORDER BY INDEX_NAME LIMIT 1",
		Arguments: []any{schema, table},
	}, &m.index)
	if errors.Is(err, sql.ErrNoRows) {
		m.index, err = "", nil
	}
	return err
}

// source returns the table with a hint to read it by the index, because a scan of the
// whole table would not stop after the wanted rows.
func (m *mySQL) source() string {
	table := m.server.Quote(m.jobs)
	if m.index == "" {
		return table
	}
	return table + " FORCE INDEX (" + quoteIndex(m.index) + ")"
}

func quoteIndex(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

func (m *mySQL) counts(queues []backlog.Queue, at moments, rows int) []database.Query {
	var queries []database.Query
	for start := 0; start < len(queues); start += maxUnited {
		parts := make([]string, 0, maxUnited)
		var names []any
		for i, queue := range queues[start:min(start+maxUnited, len(queues))] {
			soon := strconv.FormatInt(at.now+int64(queue.Soon.Seconds()), 10)
			parts = append(parts, fmt.Sprintf("SELECT %d, %s FROM (SELECT reserved_at, available_at FROM %s WHERE queue = ? LIMIT %d) AS w",
				start+i, columns(at, soon), m.source(), rows))
			names = append(names, queue.Name)
		}
		queries = append(queries, database.Query{SQL: m.server.Timed(strings.Join(parts, " UNION ALL ")), Arguments: names})
	}
	return queries
}

func (m *mySQL) payloads(queues []backlog.Queue) database.Query {
	parts, names := make([]string, 0, len(queues)), make([]any, 0, len(queues))
	for i, queue := range queues {
		parts = append(parts, fmt.Sprintf("SELECT %d, p.payload FROM (SELECT CASE WHEN LENGTH(payload) <= %d THEN payload END AS payload FROM %s WHERE queue = ? LIMIT %d) AS p",
			i, longest, m.source(), samples))
		names = append(names, queue.Name)
	}
	return database.Query{SQL: m.server.Timed(strings.Join(parts, " UNION ALL ")), Arguments: names}
}

func (m *mySQL) failed() database.Query {
	return database.Query{SQL: m.server.Timed(fmt.Sprintf("SELECT queue, COUNT(*) FROM (SELECT queue FROM %s ORDER BY id DESC LIMIT %d) AS f GROUP BY queue",
		m.server.Quote(m.failedJobs), maxFailed))}
}

func (m *mySQL) failedWindow(before int64, rows int) database.Query {
	return database.Query{SQL: m.server.Timed(fmt.Sprintf("SELECT MIN(id), COUNT(*) FROM (SELECT id FROM %s WHERE id < ? ORDER BY id DESC LIMIT %d) AS w",
		m.server.Quote(m.failedJobs), rows)), Arguments: []any{before}}
}

func (m *mySQL) failedRows(page failedPage) database.Query {
	uuid := "NULL"
	if page.uuids {
		uuid = "uuid"
	}
	head := fmt.Sprintf("LEFT(payload, %d)", headBytes)
	where, arguments := failedFilter(page, func() string { return "?" },
		fmt.Sprintf(`IF(LOCATE('"displayName":"', %[1]s) = 0, '', SUBSTRING_INDEX(SUBSTRING(%[1]s, LOCATE('"displayName":"', %[1]s) + 15), '"', 1))`, head),
		fmt.Sprintf("SUBSTRING_INDEX(LEFT(exception, %d), CHAR(10), 1)", headBytes), "CAST(id AS CHAR)")
	columns := fmt.Sprintf(failedColumns, uuid, "DATE_FORMAT(failed_at, '%Y-%m-%d %H:%i:%s')", headBytes)
	return database.Query{SQL: m.server.Timed(fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY id DESC LIMIT %d",
		columns, m.server.Quote(m.failedJobs), where, page.limit)), Arguments: arguments}
}
