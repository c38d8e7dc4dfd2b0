// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const ellipsis = "…"

// cleanText returns s without what does not print, in at most limit bytes. It ends
// in a status, an event or a terminal, so escape sequences, line breaks and marks
// that turn the direction of writing must not survive.
func cleanText(s string, limit int) string {
	if !printable(s) {
		s = strings.TrimSpace(strings.Map(printed, s))
	}
	if len(s) <= limit {
		return s
	}
	cut := limit - len(ellipsis)
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + ellipsis
}

// printable tells whether s is printing ASCII throughout, which most texts are.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// printed turns space of any kind into a plain one and drops what does not print.
func printed(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsPrint(r):
		return r
	}
	return -1
}

// cleanWord returns s if it is one word of letters and digits, else nothing.
func cleanWord(s string) string {
	if len(s) > maxWord || !word.MatchString(s) {
		return ""
	}
	return s
}
