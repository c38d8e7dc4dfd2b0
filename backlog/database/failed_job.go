// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

const (
	// maxExceptionRunes and maxNameRunes bound the part of an exception and of a name
	// that is shown, in characters.
	maxExceptionRunes = 300
	maxNameRunes      = 200
)

// job converts a row to the FailedJob that is shown.
func (f *Failed) job(row failedRow) protocol.FailedJob {
	id := strconv.FormatInt(row.id, 10)
	if row.uuid.String != "" && !f.settings.Numbers {
		id = row.uuid.String
	}
	line, _, _ := strings.Cut(strings.TrimLeft(row.exception.String, " \t\r\n"), "\n")
	show := func(text string, most int) string { return shown(f.settings.Secrets.Hide(text), most) }
	return protocol.FailedJob{
		ID: shown(id, 64), Class: show(className(row.payload.String), maxNameRunes),
		Connection: show(row.connection.String, maxNameRunes), Queue: show(row.queue.String, maxNameRunes),
		FailedAt: failedAt(row.failedAt.String), Exception: show(line, maxExceptionRunes),
	}
}

// displayName matches the name of the job's class at the head of a payload. The payload
// may be cut off and need not be JSON.
var displayName = regexp.MustCompile(`"displayName"\s*:\s*("(?:[^"\\]|\\.)*")`)

func className(payload string) string {
	match := displayName.FindStringSubmatch(payload)
	var name string
	if match == nil || json.Unmarshal([]byte(match[1]), &name) != nil {
		return ""
	}
	return name
}

// failedAt converts a time as the database writes it, without a zone, to RFC 3339; "" if
// it cannot.
func failedAt(text string) string {
	for _, layout := range []string{time.DateTime, "2006-01-02 15:04:05.999999", time.RFC3339Nano} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC().Format(time.RFC3339)
		}
	}
	return ""
}

// shown returns a text as one printable line of at most so many characters.
func shown(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	text = strings.Join(strings.Fields(text), " ")
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most-1]) + "…"
	}
	return text
}

// explainFailed holds the refusals whose message differs for failed jobs.
var explainFailed = map[string]refusal{
	"42P01": noFailedTable, "3F000": noFailedTable, "1146": noFailedTable,
	"42703": otherFailedTable, "42883": otherFailedTable, "42809": otherFailedTable, "1054": otherFailedTable,
	"57014": failedTooSlow, "55P03": failedTooSlow, "1317": failedTooSlow, "1969": failedTooSlow, "3024": failedTooSlow,
}

var (
	noFailedTable    = refusal{protocol.BacklogNotFound, "The database %[2]s at %[1]s has no table %[3]s for failed jobs: run the migrations (php artisan queue:failed-table), or set connection.database.failedTable of the QueueApp."}
	otherFailedTable = refusal{protocol.BacklogUnreadable, "The table %[3]s of %[2]s at %[1]s lacks columns of Laravel's table of failed jobs: set connection.database.failedTable of the QueueApp."}
	failedTooSlow    = refusal{protocol.BacklogUnreachable, "The database at %[1]s took too long to list the jobs of %[3]s: check its load, and that the table's column id is its primary key."}
)

// explain returns an Error that says why nothing could be listed.
func (f *Failed) explain(err error) error {
	code, _, refused := f.dialect.refusal(err)
	if r, known := explainFailed[code]; refused && known {
		return backlog.Errorf(r.reason, r.message, f.settings.Address(), f.settings.Name, f.settings.FailedTable)
	}
	driver := *f.driver
	driver.settings.Table = f.settings.FailedTable
	return driver.explain(err)
}
