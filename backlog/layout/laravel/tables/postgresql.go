// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"context"
	"fmt"

	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/backend/database"
)

// postgreSQL has the statements for PostgreSQL and servers that speak its protocol.
type postgreSQL struct {
	server           *database.Server
	jobs, failedJobs string
}

// learn has nothing to find out.
func (p *postgreSQL) learn(context.Context) error { return nil }

func (p *postgreSQL) counts(queues []backlog.Queue, at moments, rows int) []database.Query {
	names, soon := make([]string, len(queues)), make([]int64, len(queues))
	for i, queue := range queues {
		names[i], soon[i] = queue.Name, at.now+int64(queue.Soon.Seconds())
	}
	text := fmt.Sprintf("SELECT q.n - 1, c.* FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS q(name, soon, n)"+
		" CROSS JOIN LATERAL (SELECT %s FROM (SELECT reserved_at, available_at FROM %s WHERE queue = q.name LIMIT %d) AS w) AS c",
		columns(at, "q.soon"), p.server.Quote(p.jobs), rows)
	return []database.Query{{SQL: text, Arguments: []any{names, soon}}}
}

func (p *postgreSQL) payloads(queues []backlog.Queue) database.Query {
	names := make([]string, len(queues))
	for i, queue := range queues {
		names[i] = queue.Name
	}
	return database.Query{SQL: fmt.Sprintf("SELECT q.n - 1, p.payload FROM unnest($1::text[]) WITH ORDINALITY AS q(name, n)"+
		" CROSS JOIN LATERAL (SELECT CASE WHEN octet_length(payload) <= %d THEN payload END AS payload FROM %s WHERE queue = q.name LIMIT %d) AS p",
		longest, p.server.Quote(p.jobs), samples), Arguments: []any{names}}
}

func (p *postgreSQL) failed() database.Query {
	return database.Query{SQL: fmt.Sprintf("SELECT queue, COUNT(*) FROM (SELECT queue FROM %s ORDER BY id DESC LIMIT %d) AS f GROUP BY queue",
		p.server.Quote(p.failedJobs), maxFailed)}
}

func (p *postgreSQL) failedWindow(before int64, rows int) database.Query {
	return database.Query{SQL: fmt.Sprintf("SELECT MIN(id), COUNT(*) FROM (SELECT id FROM %s WHERE id < $1 ORDER BY id DESC LIMIT %d) AS w",
		p.server.Quote(p.failedJobs), rows), Arguments: []any{before}}
}

func (p *postgreSQL) failedRows(page failedPage) database.Query {
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
	return database.Query{SQL: fmt.Sprintf("SELECT %s FROM %s WHERE %s ORDER BY id DESC LIMIT %d",
		columns, p.server.Quote(p.failedJobs), where, page.limit), Arguments: arguments}
}
