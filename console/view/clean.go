// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"strings"
	"unicode"
)

// Clean makes text from the cluster fit for one line of a terminal. A job's name or an
// error may contain control characters, which could move the cursor or do worse.
func Clean(text string) string { return clean(text, "") }

// CleanText does the same as Clean for text of several lines.
func CleanText(text string) string { return clean(text, "\n\t") }

func clean(text, keep string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(keep, r) || unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return '\uFFFD'
	}, text)
}
