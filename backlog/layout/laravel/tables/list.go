// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
	"queueworker.dev/queueworker/backlog/backend/database"
	"queueworker.dev/queueworker/backlog/settings"
)

const (
	// window is the number of rows that one query of a search reads. Without it, a search
	// that finds nothing would read the whole table at once.
	window = 5_000
	// searchTime is the time after which a search returns what it has found so far.
	searchTime = 2 * time.Second
	// headBytes is the length of the head of a payload and of an exception that is read.
	headBytes = 2048
)

// Failed lists the failed jobs of an application from its table; it implements
// backlog.FailedLister.
type Failed struct {
	server     *database.Server
	statements statements
	table      database.Table
	secrets    backlog.Secrets
	// numbers reports whether jobs are identified by their number even if they have a
	// UUID.
	numbers bool
}

// NewFailed returns a lister, which connects when it lists and keeps idle connections
// only briefly.
func NewFailed(s settings.Failed) (*Failed, error) {
	server, err := database.New(s.Database)
	if err != nil {
		return nil, err
	}
	server.KeepIdle(30 * time.Second)
	return &Failed{
		server: server, statements: statementsOf(server, s.Table, s.FailedTable), secrets: s.Secrets, numbers: s.Numbers,
		table: database.Table{
			Name:    s.FailedTable,
			Missing: "The database %[2]s at %[1]s has no table %[3]s for failed jobs: run the migrations (php artisan queue:failed-table), or set connection.database.failedTable of the QueueApp.",
			Other:   "The table %[3]s of %[2]s at %[1]s lacks columns of Laravel's table of failed jobs: set connection.database.failedTable of the QueueApp.",
			Slow:    "The database at %[1]s took too long to list the jobs of %[3]s: check its load, and that the table's column id is its primary key.",
		},
	}, nil
}

// Close implements backlog.FailedLister.
func (f *Failed) Close() error { return f.server.Close() }

// failedPage describes the rows of one query: their id is below before and, unless from
// is 0, at least from.
type failedPage struct {
	before, from int64
	queue        string
	// pattern and escaped are LIKE patterns of the search text, plain and as JSON writes
	// it. Empty matches everything.
	pattern, escaped string
	limit            int
	uuids            bool
}

// failedRow holds the columns of one row that were read.
type failedRow struct {
	id                           int64
	uuid, connection, queue      sql.NullString
	failedAt, payload, exception sql.NullString
}

// ListFailed implements backlog.FailedLister.
func (f *Failed) ListFailed(ctx context.Context, request protocol.FailedRequest) (protocol.FailedList, error) {
	before, err := readContinue(request.Continue)
	if err != nil {
		return protocol.FailedList{}, err
	}
	list, err := f.list(f.server.Begin(ctx, 0), request, before)
	if err != nil {
		return protocol.FailedList{}, f.server.Explain(err, f.table)
	}
	return list, nil
}

func (f *Failed) list(ctx context.Context, request protocol.FailedRequest, before int64) (protocol.FailedList, error) {
	began := time.Now()
	var list protocol.FailedList
	if _, err := f.server.Greet(ctx, began); err != nil {
		return list, err
	}
	// The column uuid came with Laravel 8.
	columns, err := f.server.Columns(ctx, f.table.Name)
	if err != nil {
		return list, err
	}
	page := failedPage{before: before, queue: request.Queue, uuids: slices.Contains(columns, "uuid")}
	page.pattern, page.escaped = patterns(request.Search)
	for {
		page.limit = request.Limit - len(list.Jobs) + 1
		end, err := f.next(ctx, &page)
		if err != nil {
			return list, err
		}
		rows, err := f.rows(ctx, page)
		if err != nil {
			return list, err
		}
		for _, row := range rows[:min(len(rows), page.limit-1)] {
			list.Jobs = append(list.Jobs, f.job(row))
			page.before = row.id
		}
		if len(rows) == page.limit {
			list.Continue = writeContinue(page.before)
			break
		}
		if end {
			break
		}
		if page.before = page.from; time.Since(began) > searchTime {
			list.Continue = writeContinue(page.before)
			break
		}
	}
	list.Total, err = f.total(ctx)
	return list, err
}

// next narrows a page to the next window of the table. It returns true if that window is
// the last one.
func (f *Failed) next(ctx context.Context, page *failedPage) (bool, error) {
	page.from = 0
	if page.queue == "" && page.pattern == "" {
		return true, nil // no row is filtered out, so the limit is enough
	}
	var lowest sql.NullInt64
	var seen int64
	err := f.server.Read(ctx, []database.Query{f.statements.failedWindow(page.before, window)}, func(row *sql.Rows) error {
		return row.Scan(&lowest, &seen)
	})
	page.from = lowest.Int64
	return seen < window, err
}

func (f *Failed) rows(ctx context.Context, page failedPage) ([]failedRow, error) {
	var rows []failedRow
	err := f.server.Read(ctx, []database.Query{f.statements.failedRows(page)}, func(row *sql.Rows) error {
		var r failedRow
		if err := row.Scan(&r.id, &r.uuid, &r.connection, &r.queue, &r.failedAt, &r.payload, &r.exception); err != nil {
			return err
		}
		if rows = append(rows, r); len(rows) > page.limit {
			return f.server.Refuse("listed more failed jobs than were asked for")
		}
		return nil
	})
	return rows, err
}

// total counts the rows; it returns nil if that takes too long.
func (f *Failed) total(ctx context.Context) (*int64, error) {
	var count int64
	text := fmt.Sprintf("SELECT COUNT(*) FROM (SELECT 1 AS one FROM %s LIMIT %d) AS f",
		f.server.Quote(f.table.Name), protocol.MaxFailedCount)
	err := f.server.Read(ctx, []database.Query{{SQL: f.server.Timed(text)}}, func(row *sql.Rows) error { return row.Scan(&count) })
	if f.server.TooSlow(err) {
		return nil, nil
	}
	return &count, err
}

// patterns returns LIKE patterns for a text: as it is, and as PHP writes it in JSON.
func patterns(search string) (plain, escaped string) {
	if search == "" {
		return "", ""
	}
	escape := strings.NewReplacer("!", "!!", "%", "!%", "_", "!_")
	like := func(text string) string { return "%" + escape.Replace(strings.ToLower(text)) + "%" }
	return like(search), like(phpJSON(search))
}

// phpJSON returns a text as PHP's json_encode writes it, without the quotes.
func phpJSON(text string) string {
	quoted := strconv.QuoteToASCII(text)
	inner := strings.ReplaceAll(quoted[1:len(quoted)-1], "/", `\/`)
	return inner
}

// tokenMark precedes the id of a page's last row in its token. The token is encoded so
// that no client relies on its content.
const tokenMark = "before:"

func writeContinue(id int64) string {
	return base64.RawURLEncoding.EncodeToString([]byte(tokenMark + strconv.FormatInt(id, 10)))
}

func readContinue(token string) (int64, error) {
	if token == "" {
		return math.MaxInt64, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	number, marked := strings.CutPrefix(string(text), tokenMark)
	id, wrong := strconv.ParseInt(number, 10, 64)
	if err != nil || wrong != nil || !marked {
		return 0, backlog.Errorf(protocol.BacklogMisconfigured, "The token in spec.continue is not from this probe: copy status.continue of the page before, or leave spec.continue out.")
	}
	return id, nil
}
