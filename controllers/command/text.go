// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxOutput is how much of a command's output is kept, from its end, in bytes.
	maxOutput = 8 << 10
	// maxSentence bounds a message that was made from the output.
	maxSentence = 600
)

// Clean makes a command's output safe to show: lines of printable text, of which the
// last are kept. A tenant's program wrote the output, and it ends up in a terminal.
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

// errorHead matches the line with which artisan begins to report an exception. The
// exception's message follows, indented, and perhaps a trace. The last reported
// exception is the cause.
var errorHead = regexp.MustCompile(`(?m)^In \S.* line \d+:$`)

// recordHead matches the beginning of a log record that Monolog prints, as with
// LOG_CHANNEL=stderr.
var recordHead = regexp.MustCompile(`(?m)^\[[^\]\n]+\] \S+\.[A-Z]+: `)

// recordException stands between the message of such a record and the trace of its
// exception.
const recordException = ` {"exception":`

var (
	// jobFailed matches the line with which a worker reports that a job failed.
	jobFailed = regexp.MustCompile(`(?m)^\[.+\] Failed: .*$|^.* FAIL$`)
	// traceLine matches a line of an exception's trace.
	traceLine = regexp.MustCompile(`^\s*(#\d+ |\[(stacktrace|previous exception)\])`)
	// closing matches a line that only closes what earlier lines have opened.
	closing = regexp.MustCompile(`^[\s\[\](){}"',;]*$`)
)

// traceAlone describes an output of which only a trace was kept.
const traceAlone = "it ended in an exception, of which only the trace was kept."

// gist returns the message of an output in one line: that of its last exception,
// otherwise the job that failed, otherwise the last line.
func gist(output string) string {
	for _, find := range []func(string) string{thrown, logged, failedLine} {
		if said := find(output); said != "" {
			return said
		}
	}
	return lastLine(output)
}

// thrown returns the message of the last exception that artisan reports.
func thrown(output string) string {
	heads := errorHead.FindAllStringIndex(output, -1)
	if len(heads) == 0 {
		return ""
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
	return strings.Join(said, " ")
}

// logged returns the message of the exception whose record ends the output. A job may
// log other exceptions and still succeed, so an exception does not count if another
// message follows.
func logged(output string) string {
	end := strings.LastIndex(output, recordException)
	if end < 0 {
		return ""
	}
	heads := recordHead.FindAllStringIndex(output[:end], -1)
	if len(heads) == 0 {
		return ""
	}
	// The exception repeats its message, in as many lines.
	_, after, traced := strings.Cut(output[end:], "\n[stacktrace]")
	if !traced {
		_, after, _ = strings.Cut(output[end:], "\n")
	}
	for line := range strings.Lines(after) {
		if line = strings.TrimRight(line, "\n"); telling(line) && !jobFailed.MatchString(line) {
			return ""
		}
	}
	return strings.Join(strings.Fields(output[heads[len(heads)-1][1]:end]), " ")
}

// failedLine returns the last line that reports a failed job.
func failedLine(output string) string {
	lines := jobFailed.FindAllString(output, -1)
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(strings.Fields(lines[len(lines)-1]), " ")
}

// telling reports whether a line means anything on its own.
func telling(line string) bool { return !closing.MatchString(line) && !traceLine.MatchString(line) }

// lastLine returns the last line that means anything.
func lastLine(output string) string {
	lines := strings.Split(output, "\n")
	for _, line := range slices.Backward(lines) {
		if telling(line) {
			return strings.TrimSpace(line)
		}
	}
	if slices.ContainsFunc(lines, traceLine.MatchString) {
		return traceAlone
	}
	return strings.TrimSpace(lines[len(lines)-1])
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
