// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import "bytes"

const (
	tailBytes = 2048 // bytes kept of the last output
	tailLine  = 512  // bytes kept of one line
)

// tail keeps the last lines that were not job events, for the message of a crash.
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

// text returns the kept lines. The oldest may be cut.
func (t *tail) text() string {
	return string(t.bytes[max(0, len(t.bytes)-tailBytes):])
}
