// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"time"
)

// TextParser reads the lines of Laravel 9.21 and later:
//
//	2026-11-23 09:56:48 App\Jobs\Quick ................................. RUNNING
//	2026-11-23 09:56:48 App\Jobs\Quick ........................... 122.74ms DONE
//	2026-11-23 09:56:48 App\Jobs\Failing ........................... 1.42ms FAIL
//
// The number of dots depends on the width of the terminal and may be zero. These lines do
// not distinguish a released job from a done job. They distinguish a failure that will be
// retried from a final one only by colour: it is yellow. Durations above a second are
// rounded and in the application's language, so the ledger measures them itself.
type TextParser struct {
	// Verbose is set if the worker runs with -v and prints id, connection and queue after
	// the class.
	Verbose bool

	scratch []byte
}

// Parse implements Parser.
func (p *TextParser) Parse(line []byte, event *Event) bool {
	coloured := line
	line = bytes.TrimRight(plain(line, &p.scratch), " ")
	kind, word := textOutcome(line)
	if kind == 0 {
		return false
	}
	body, ok := textBody(line[:len(line)-word])
	if !ok {
		return false
	}
	name, figures := splitDots(body)
	if len(name) == 0 {
		return false
	}
	*event = Event{Kind: kind, Class: name, Duration: -1}
	if p.Verbose {
		splitVerbose(name, event)
	}
	if kind != Started {
		event.Duration = textDuration(figures)
	}
	if kind == Failed && len(coloured) != len(line) && bytes.Contains(coloured, []byte("\x1b[33;1mFAIL")) {
		event.Kind = Released
	}
	return true
}

// textOutcome returns the kind and the length of the last word.
func textOutcome(line []byte) (Kind, int) {
	switch {
	case bytes.HasSuffix(line, []byte(" RUNNING")):
		return Started, len("RUNNING")
	case bytes.HasSuffix(line, []byte(" DONE")):
		return Processed, len("DONE")
	case bytes.HasSuffix(line, []byte(" FAIL")):
		return Failed, len("FAIL")
	}
	return 0, 0
}

// textBody returns the text after the time stamp. Output of the job without a line end
// may precede the stamp; the last stamp of the line is the worker's.
func textBody(line []byte) ([]byte, bool) {
	for end := len(line); ; {
		at := bytes.LastIndex(line[:end], []byte("  "))
		if at < 0 {
			return nil, false
		}
		if rest := line[at+2:]; isStamp(rest) && len(rest) > stampLength && rest[stampLength] == ' ' {
			return rest[stampLength+1:], true
		}
		end = at + 1
	}
}

// splitDots splits "Class ..... 1.65ms " into the class and the figures. If there is no
// room for dots, two spaces remain.
func splitDots(body []byte) (name, figures []byte) {
	for i := 0; i+1 < len(body); i++ {
		if body[i] != ' ' {
			continue
		}
		if body[i+1] == ' ' {
			return body[:i], bytes.TrimSpace(body[i:])
		}
		if body[i+1] == '.' && (i+2 == len(body) || body[i+2] == '.' || body[i+2] == ' ') {
			return body[:i], bytes.TrimSpace(bytes.TrimLeft(body[i+1:], "."))
		}
	}
	return bytes.TrimSpace(body), nil
}

// splitVerbose cuts queue, connection and id off the end of the name.
func splitVerbose(name []byte, event *Event) {
	fields := bytes.Fields(name)
	if len(fields) < 4 {
		return
	}
	event.ID, event.Queue = fields[len(fields)-3], fields[len(fields)-1]
	event.Class = bytes.TrimSpace(name[:bytes.LastIndex(name, fields[len(fields)-3])])
}

// textDuration parses figures such as 122.74ms or 1,000.00ms, which memory may follow. It
// returns a negative duration for the localised form of longer durations.
func textDuration(figures []byte) time.Duration {
	end := bytes.Index(figures, []byte("ms"))
	if end <= 0 {
		return -1
	}
	return milliseconds(figures[:end])
}

// milliseconds parses a decimal number of milliseconds with commas as thousands
// separators. It returns a negative duration if the text is not such a number.
func milliseconds(digits []byte) time.Duration {
	var nanos, scale int64 = 0, 0
	for _, c := range digits {
		switch {
		case c == ',' && scale == 0:
		case c == '.' && scale == 0:
			scale = int64(time.Millisecond)
		case c < '0' || c > '9' || nanos > int64(1000*time.Hour):
			return -1
		case scale == 0:
			nanos = nanos*10 + int64(c-'0')*int64(time.Millisecond)
		default:
			scale /= 10
			nanos += int64(c-'0') * scale
		}
	}
	return time.Duration(nanos)
}
