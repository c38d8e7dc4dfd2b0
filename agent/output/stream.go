// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"time"
)

// bufferSize bounds one read, and the part of a line that is examined for an event.
const bufferSize = 64 << 10

// Stream is one of the two streams of a process. It turns bytes into ranges to pass on.
type Stream struct {
	worker *Worker
	// events is set if this stream is searched for job events; Laravel prints them on stdout
	// only.
	events bool

	buffer []byte
	held   int      // bytes in buffer
	keep   [][2]int // ranges of buffer to pass on
	done   int      // bytes of buffer that are processed
	lines  int      // complete lines in the last scan

	budget  budget
	dropped int64

	// State of a line whose beginning is already processed.
	begun  bool
	carry  []byte
	passed bool // part of the beginning was passed on
	cut    bool // part of it was dropped
}

// NewStream returns a new stream of the worker.
func NewStream(worker *Worker, events bool) *Stream {
	return &Stream{worker: worker, events: events, buffer: make([]byte, bufferSize)}
}

// scan processes the complete lines in the buffer. With flush, or if the buffer is full,
// it also processes the beginning of an incomplete line.
func (s *Stream) scan(now time.Time, flush bool) {
	s.worker.mu.Lock()
	defer s.worker.mu.Unlock()
	s.keep, s.done, s.lines = s.keep[:0], 0, 0
	for s.done < s.held {
		end := bytes.IndexByte(s.buffer[s.done:s.held], '\n')
		if end < 0 {
			break
		}
		s.line(s.done, s.done+end+1, now)
		s.lines++
	}
	if s.done < s.held && (flush || s.held-s.done == len(s.buffer)) {
		s.beginning(s.done, s.held, now)
	}
}

// line processes buffer[from:to], the end of a line with its line end.
func (s *Stream) line(from, to int, now time.Time) {
	content := s.buffer[from : to-1]
	if s.begun {
		s.carry = append(s.carry, content[:min(len(content), bufferSize-len(s.carry))]...)
		content = s.carry
	}
	if n := len(content); n > 0 && content[n-1] == '\r' {
		content = content[:n-1]
	}
	event := s.worker.line(content, s.events, now)
	switch {
	case s.cut:
		s.dropped += int64(to - 1 - from)
		if s.passed {
			s.pass(to-1, to) // ends the part that was passed on
		} else {
			s.dropped++
		}
	case event || s.passed || s.budget.take(to-from, now):
		s.pass(from, to)
	default:
		s.dropped += int64(to - from)
	}
	s.done = to
	s.begun, s.passed, s.cut = false, false, false
	if s.carry = s.carry[:0]; cap(s.carry) > 4096 {
		s.carry = nil
	}
}

// beginning processes buffer[from:to], a part of a line without its end.
func (s *Stream) beginning(from, to int, now time.Time) {
	content := s.buffer[from:to]
	s.carry = append(s.carry, content[:min(len(content), bufferSize-len(s.carry))]...)
	s.begun = true
	if !s.cut && s.budget.take(to-from, now) {
		s.passed = true
		s.pass(from, to)
	} else {
		s.cut = true
		s.dropped += int64(to - from)
	}
	s.done = to
}

func (s *Stream) pass(from, to int) {
	if n := len(s.keep); n > 0 && s.keep[n-1][1] == from {
		s.keep[n-1][1] = to
		return
	}
	s.keep = append(s.keep, [2]int{from, to})
}

// free makes room by removing processed bytes. It invalidates the ranges to pass on.
func (s *Stream) free() {
	s.held = copy(s.buffer, s.buffer[s.done:s.held])
	s.keep, s.done = s.keep[:0], 0
}
