// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"encoding/binary"

	"queueworker.dev/queueworker/backlog"
)

// messages follows the messages of a PostgreSQL server; it implements backlog.Checker. A
// message is a type, a length of 4 bytes, which includes itself, and the content.
type messages struct {
	guard *backlog.Guard
	head  []byte
	// skip is how many bytes of the present message are still to come.
	skip int
	// statuses is the number of bytes about the server's settings so far.
	statuses int
}

// Sent implements backlog.Checker.
func (m *messages) Sent([]byte) {}

// Received implements backlog.Checker.
func (m *messages) Received(data []byte) (int, error) {
	for i := 0; i < len(data); {
		if m.skip > 0 {
			n := min(m.skip, len(data)-i)
			m.skip -= n
			i += n
			continue
		}
		m.head = append(m.head, data[i])
		if len(m.head) == 5 {
			if err := m.check(m.head[0], int(int32(binary.BigEndian.Uint32(m.head[1:])))); err != nil {
				return i, err
			}
			m.head = m.head[:0]
		}
		i++
	}
	return len(data), nil
}

func (m *messages) check(kind byte, length int) error {
	if length < 4 || length > maxMessage {
		return m.guard.Refuse("declared a message of %d bytes", length)
	}
	m.skip = length - 4
	if kind == 'S' {
		if m.statuses += length; m.statuses > maxStatus {
			return m.guard.Refuse("said more than %d bytes about its settings", maxStatus)
		}
	}
	return nil
}
