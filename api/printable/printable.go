// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package printable makes text from a user's program safe to show in a status, an event,
// a log or a terminal. It removes escape sequences, control characters and marks that
// change the direction of writing.
package printable

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const ellipsis = "…"

// Line returns s as one line of at most limit bytes, without characters that do not
// print. A shortened text is a copy, because a substring would keep the whole of s in
// memory.
func Line(s string, limit int) string {
	whole := len(s)
	if len(s) > 8*limit {
		// This bounds the work too: a text of megabytes costs no more than its head.
		s = s[:boundary(s, 8*limit)]
	}
	if !ascii(s) {
		s = strings.TrimSpace(strings.Map(one, s))
	}
	line := Cut(s, limit)
	if len(line) < whole {
		return strings.Clone(line)
	}
	return line
}

// Cut returns s in at most limit bytes, cut at the end of a character. An ellipsis marks
// the missing text if the limit leaves room for it.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	mark := ellipsis
	if limit < len(mark) {
		mark = ""
	}
	return s[:boundary(s, max(0, limit-len(mark)))] + mark
}

// boundary returns the end of the last whole character of s before end.
func boundary(s string, end int) int {
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return end
}

// ascii reports whether s is entirely printing ASCII, as most texts are.
func ascii(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// one turns any white space into a plain space and drops characters that do not print.
func one(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsPrint(r):
		return r
	}
	return -1
}
