// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"bytes"
	"strconv"
	"strings"

	"queueworker.dev/queueworker/backlog"
)

const (
	// maxLine bounds a line, such as an error. maxBulk bounds a text that declares its
	// length. The longest such text from an honest server is the answer to INFO, with a
	// few KiB.
	maxLine = 16 << 10
	maxBulk = 256 << 10
	// maxDepth bounds how deep arrays are nested. The answer to COMMAND, which the
	// cluster client sends, has 8 levels.
	maxDepth = 32
	// maxHead is how much of a line is kept, which is enough for a declared length.
	maxHead = 24
	// sized holds the types that declare a length in RESP3. The probe speaks RESP2.
	sized = "%~>|=!"
)

// replies follows the replies on one connection; it implements backlog.Checker. The
// library allocates the length that a text or an array declares before the content
// arrives.
type replies struct {
	guard *backlog.Guard
	// head is the beginning of the present line, and length is how long the line is so
	// far.
	head   []byte
	length int
	// skip is how many bytes of the present text are still to come.
	skip int
	// open holds, for each open array, how many of its elements are still to come. The
	// innermost array is last.
	open []int
}

// Sent implements backlog.Checker.
func (r *replies) Sent([]byte) {}

// Received implements backlog.Checker.
func (r *replies) Received(data []byte) (int, error) {
	for i := 0; i < len(data); {
		if r.skip > 0 {
			n := min(r.skip, len(data)-i)
			i += n
			if r.skip -= n; r.skip == 0 {
				r.ended()
			}
			continue
		}
		line, whole := data[i:], false
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line, whole = line[:end+1], true
		}
		if err := r.read(line, whole); err != nil {
			return i, err
		}
		i += len(line)
	}
	return len(data), nil
}

// read reads the next part of a line.
func (r *replies) read(part []byte, whole bool) error {
	r.head = append(r.head, part[:min(len(part), maxHead-len(r.head))]...)
	if r.length += len(part); r.length > maxLine {
		return r.guard.Refuse("answered with a line of more than %d bytes", maxLine)
	}
	if !whole {
		return nil
	}
	head := string(r.head)
	r.head, r.length = r.head[:0], 0
	switch {
	case strings.ContainsAny(head[:1], sized):
		return r.guard.Refuse("answered in RESP3, which it was not asked for")
	case head[0] == '$' || head[0] == '*':
		return r.declared(head[0], strings.TrimRight(head[1:], "\r\n"))
	}
	r.ended()
	return nil
}

// declared handles a line that declares the length of a text or an array.
func (r *replies) declared(kind byte, text string) error {
	length, err := strconv.Atoi(text)
	switch {
	case err != nil || length < -1:
		return r.guard.Refuse("declared an impossible length")
	case length == -1 || kind == '*' && length == 0:
		r.ended()
		return nil
	case kind == '*':
		if len(r.open) == maxDepth {
			return r.guard.Refuse("answered with arrays nested more than %d deep", maxDepth)
		}
		r.open = append(r.open, length)
		return r.guard.Elements(length)
	case length > maxBulk:
		return r.guard.Refuse("declared a text of more than %d bytes", maxBulk)
	}
	r.skip = length + len("\r\n")
	return nil
}

// ended notes the end of an element, and closes the arrays whose last element it is.
func (r *replies) ended() {
	for n := len(r.open); n > 0; n-- {
		if r.open[n-1]--; r.open[n-1] > 0 {
			return
		}
		r.open = r.open[:n-1]
	}
}
