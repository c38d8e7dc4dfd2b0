// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"time"

	"queueworker.dev/queueworker/api/runtimes"
)

// Kind is the kind of a job event.
type Kind uint8

// The kinds of job events.
const (
	Started Kind = iota + 1
	Processed
	Failed
	Released
)

// String returns the name of the kind.
func (k Kind) String() string {
	switch k {
	case Started:
		return "Started"
	case Processed:
		return "Processed"
	case Failed:
		return "Failed"
	case Released:
		return "Released"
	}
	return "Unknown"
}

// Event is one job event. Its byte slices are valid until the next line is parsed.
type Event struct {
	Kind Kind
	// ID is the job's id, or empty if the worker does not print it.
	ID []byte
	// Attempt distinguishes the attempts of one ID; 0 if the worker does not print it.
	Attempt int
	Class   []byte
	Queue   []byte
	// Exception is the class of the exception of a failed job, or empty if the worker does
	// not print it.
	Exception []byte
	// Duration is how long the attempt took according to the worker. It is negative if the
	// worker printed no duration.
	Duration time.Duration
}

// Parser finds the job event in a line without its line end. It fills the event and
// returns true, or returns false for any other line. Only one goroutine at a time uses a
// parser.
type Parser interface {
	Parse(line []byte, event *Event) bool
}

// Name is the name of a dialect in the status document.
type Name = runtimes.Dialect

// The names of the dialects.
const (
	JSON     = runtimes.DialectJSON
	Text     = runtimes.DialectText
	Brackets = runtimes.DialectBrackets
	Pattern  = runtimes.DialectPatterns
)

// plain removes ANSI colour sequences (ESC [ ... letter). It returns a line without any
// unchanged; otherwise scratch holds the result.
func plain(line []byte, scratch *[]byte) []byte {
	at := bytes.IndexByte(line, 0x1b)
	if at < 0 {
		return line
	}
	out := (*scratch)[:0]
	out = append(out, line[:at]...)
	for i := at; i < len(line); i++ {
		if line[i] != 0x1b || i+1 >= len(line) || line[i+1] != '[' {
			out = append(out, line[i])
			continue
		}
		i += 2
		for i < len(line) && (line[i] < '@' || line[i] > '~') {
			i++
		}
	}
	*scratch = out
	return out
}

// isStamp reports whether b begins with a time such as 2026-11-23 09:50:02.
func isStamp(b []byte) bool {
	const shape = "0000-00-00 00:00:00"
	if len(b) < len(shape) {
		return false
	}
	for i := range len(shape) {
		if shape[i] == '0' {
			if b[i] < '0' || b[i] > '9' {
				return false
			}
		} else if b[i] != shape[i] {
			return false
		}
	}
	return true
}

const stampLength = len("0000-00-00 00:00:00")
