// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxOutput is how much of a command's output is kept, its end, in bytes.
	maxOutput = 8 << 10
	// maxSentence bounds a message that was made of it.
	maxSentence = 600
)

// Clean makes a command's output safe to show: lines of printable text, of which the
// last ones are kept. It was written by a tenant's program and ends in a terminal.
func Clean(output string) string {
	output = strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == utf8.RuneError, unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return -1
	}, strings.ToValidUTF8(output, string(utf8.RuneError)))
	output = strings.TrimSpace(output)
	if len(output) > maxOutput {
		output = strings.ToValidUTF8(output[len(output)-maxOutput:], "")
	}
	return output
}

// errorHead is the line with which artisan begins to tell of an exception. What the
// exception says follows, indented, and perhaps a trace; the last one told is the cause.
var errorHead = regexp.MustCompile(`(?m)^In \S.* line \d+:$`)

// gist is what an output says in one line: what its last exception says, else its last line.
func gist(output string) string {
	heads := errorHead.FindAllStringIndex(output, -1)
	if len(heads) == 0 {
		return lastLine(output)
	}
	var said []string
	for line := range strings.Lines(output[heads[len(heads)-1][1]:]) {
		text, indented := strings.CutPrefix(strings.TrimRight(line, "\n"), "  ")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if !indented || strings.HasPrefix(text, "at ") {
			break
		}
		said = append(said, text)
	}
	if len(said) == 0 {
		return lastLine(output)
	}
	return strings.Join(said, " ")
}

// lastLine is the last line that says something.
func lastLine(output string) string {
	return strings.TrimSpace(output[strings.LastIndexByte(output, '\n')+1:])
}

// sentence bounds a text and ends it with a full stop.
func sentence(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > maxSentence {
		text = strings.ToValidUTF8(text[:maxSentence], "") + " ..."
	}
	if text == "" || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") {
		return text
	}
	return text + "."
}

func wordsOr(text, otherwise string) string {
	if text = sentence(lastLine(text)); text == "" {
		return otherwise
	}
	return text
}
