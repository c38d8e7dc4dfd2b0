// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import "bytes"

const (
	tailBytes = 2048 // kept of what was printed last
	tailLine  = 512  // of one line
)

// tail remembers the last lines that were no job events, for the message of a crash.
type tail struct {
	bytes []byte
}

func (t *tail) add(line []byte) {
	line = bytes.TrimRight(line, " \t\r")
	if len(line) == 0 {
		return
	}
	if len(t.bytes) > 2*tailBytes {
		t.bytes = t.bytes[:copy(t.bytes, t.bytes[len(t.bytes)-tailBytes:])]
	}
	t.bytes = append(append(t.bytes, line[:min(len(line), tailLine)]...), '\n')
}

// text returns the remembered lines; of the oldest perhaps only the end.
func (t *tail) text() string {
	return string(t.bytes[max(0, len(t.bytes)-tailBytes):])
}
