// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"queueworker.dev/queueworker/api/protocol"
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
	if row.uuid.String != "" && !f.numbers {
		id = row.uuid.String
	}
	line, _, _ := strings.Cut(strings.TrimLeft(row.exception.String, " \t\r\n"), "\n")
	show := func(text string, most int) string { return shown(f.secrets.Hide(text), most) }
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
