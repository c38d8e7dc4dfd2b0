// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package oneoff

import (
	"bytes"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// maxLine is how much of one line is looked at and kept, in bytes.
const maxLine = 1024

// Tail keeps the last lines written to its two streams. It is an io.Writer for each.
type Tail struct {
	mu    sync.Mutex
	limit int
	lines []string
	size  int
	// see is called with each line that is whole.
	see func(line string)
}

// NewTail keeps at most limit bytes.
func NewTail(limit int, see func(line string)) *Tail { return &Tail{limit: limit, see: see} }

// Stream is one stream of lines into a tail.
type Stream struct {
	tail *Tail
	part []byte
}

// Stream begins a stream.
func (t *Tail) Stream() *Stream { return &Stream{tail: t} }

// Write takes a piece of the stream. It never fails.
func (s *Stream) Write(piece []byte) (int, error) {
	for rest := piece; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte{'\n'})
		s.part = append(s.part, line[:min(len(line), maxLine-len(s.part))]...)
		if rest = after; whole {
			s.End()
		}
	}
	return len(piece), nil
}

// End ends the line that was begun.
func (s *Stream) End() {
	line := clean(s.part)
	s.part = s.part[:0]
	s.tail.add(line)
}

func (t *Tail) add(line string) {
	if line == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.see(line)
	t.lines, t.size = append(t.lines, line), t.size+len(line)+1
	for t.size > t.limit && len(t.lines) > 1 {
		drop := t.dispensable()
		t.size -= len(t.lines[drop]) + 1
		t.lines = slices.Delete(t.lines, drop, drop+1)
	}
}

// frame is a line of PHP's stack traces, with its distance from where the exception was thrown.
var frame = regexp.MustCompile(`^#(\d{1,4}) `)

// dispensable is the line that is missed least: of stack traces the frame that is farthest
// from the exception, else the oldest line. A logged trace of Laravel is longer than
// what is kept, and what the exception says stands before it.
func (t *Tail) dispensable() int {
	line, farthest := 0, -1
	for i, text := range t.lines {
		if text[0] != '#' {
			continue
		}
		if match := frame.FindStringSubmatch(text); match != nil {
			if distance, _ := strconv.Atoi(match[1]); distance > farthest {
				line, farthest = i, distance
			}
		}
	}
	return line
}

// Text is what is kept, the oldest line first.
func (t *Tail) Text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.Join(t.lines, "\n")
	return strings.ToValidUTF8(text[:min(len(text), t.limit)], "")
}

// escape is what moves a terminal's cursor or colours its text.
var escape = regexp.MustCompile(`\x1b(\[[0-9;?]*[ -/]*[@-~]|[()][0-9A-Za-z]|[@-Z\\-_])`)

// clean makes a line printable: one that a program drew over in place is what it
// showed last.
func clean(line []byte) string {
	text := strings.ToValidUTF8(string(line), "\uFFFD")
	text = strings.TrimRight(escape.ReplaceAllString(text, ""), " \t\r")
	if last := strings.LastIndexByte(text, '\r'); last >= 0 {
		text = text[last+1:]
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || unicode.IsPrint(r):
			return r
		}
		return -1
	}, text)
}
