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

// maxLine bounds how much of one line is examined and kept, in bytes.
const maxLine = 1024

// Tail keeps the last lines of its streams, each of which is an io.Writer.
type Tail struct {
	mu    sync.Mutex
	limit int
	lines []string
	size  int
	// see is called with each complete line.
	see func(line string)
}

// NewTail returns a tail that keeps at most limit bytes.
func NewTail(limit int, see func(line string)) *Tail { return &Tail{limit: limit, see: see} }

// Stream is one stream of lines into a tail.
type Stream struct {
	tail *Tail
	part []byte
}

// Stream returns a new stream.
func (t *Tail) Stream() *Stream { return &Stream{tail: t} }

// Write adds a piece to the stream. It never fails.
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

// End ends the current line.
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

// frame matches a line of a PHP stack trace and its distance from the throwing frame.
var frame = regexp.MustCompile(`^#(\d{1,4}) `)

// dispensable returns the index of the least useful line: in stack traces, the frame that
// is farthest from the exception; otherwise the oldest line. A logged trace of Laravel
// exceeds the limit, and the message of the exception comes before it.
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

// Text returns the kept lines, oldest first.
func (t *Tail) Text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.Join(t.lines, "\n")
	return strings.ToValidUTF8(text[:min(len(text), t.limit)], "")
}

// escape matches sequences that move a terminal's cursor or colour its text.
var escape = regexp.MustCompile(`\x1b(\[[0-9;?]*[ -/]*[@-~]|[()][0-9A-Za-z]|[@-Z\\-_])`)

// clean makes a line printable. Of a line that a program overwrote in place, it keeps the
// last text shown.
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
