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
	// maxLine bounds a line, such as an error, and maxBulk a text with a length. The
	// longest honest text is the answer to INFO, with a few KiB.
	maxLine = 16 << 10
	maxBulk = 256 << 10
	// maxDepth bounds arrays in arrays. COMMAND, which the cluster client asks, has 8.
	maxDepth = 32
	// maxHead is the length of the part of a line that declares a length.
	maxHead = 24
	// sized are the types of RESP3 that declare a length. The probe speaks RESP2.
	sized = "%~>|=!"
)

// replies follows the replies on one connection; it implements backlog.Checker. The
// library allocates what a text or an array declares before its content arrives.
type replies struct {
	guard *backlog.Guard
	// head is the beginning of the present line, and length is the line's length so far.
	head   []byte
	length int
	// skip is the number of bytes that remain of a text.
	skip int
	// open is how many elements each array lacks, the innermost last.
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

// read takes the next part of a line.
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

// declared takes a line that declares the length of a text or of an array.
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

// ended closes the arrays of which this was the last element.
func (r *replies) ended() {
	for n := len(r.open); n > 0; n-- {
		if r.open[n-1]--; r.open[n-1] > 0 {
			return
		}
		r.open = r.open[:n-1]
	}
}
