// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"encoding/binary"

	"queueworker.dev/queueworker/backlog"
)

const (
	// maxColumns is the maximum number of columns of a table in MySQL.
	maxColumns = 4096
	// maxLogin bounds a packet before the first command. The longest such packet is a
	// public key.
	maxLogin = 16 << 10
	// headLength is the length of a packet's head: the packet's length in 3 bytes and its
	// sequence number.
	headLength = 4
	// numberLength is the length of the longest number that a packet can begin with.
	numberLength = 9
)

// packets follows the packets of a MySQL server; it implements backlog.Checker.
//
// A result begins with a packet that holds the number of columns, and the library
// allocates that many. Other packets begin with a number too: a row begins with the
// length of its first column. So a packet is refused if its first number is above
// maxColumns and also above the packet's own length.
type packets struct {
	guard *backlog.Guard
	// begun is the head of the present packet, and the number after it, as far as they
	// have arrived.
	begun []byte
	// skip is how many bytes of the present packet are still to come.
	skip int
	// commanded reports whether the client has logged in and sent a command.
	commanded bool
}

// Sent implements backlog.Checker. The packets of a command begin with the number 0.
func (p *packets) Sent(data []byte) {
	if len(data) > headLength && data[3] == 0 {
		p.commanded = true
	}
}

// Received implements backlog.Checker.
func (p *packets) Received(data []byte) (int, error) {
	for i := 0; i < len(data); {
		if p.skip > 0 {
			n := min(p.skip, len(data)-i)
			p.skip -= n
			i += n
			continue
		}
		p.begun = append(p.begun, data[i])
		if err := p.check(); err != nil {
			return i, err
		}
		i++
	}
	return len(data), nil
}

// check checks the beginning of a packet once enough of it has arrived.
func (p *packets) check() error {
	if len(p.begun) < headLength {
		return nil
	}
	length := int(p.begun[0]) | int(p.begun[1])<<8 | int(p.begun[2])<<16
	if most := p.most(); length > most {
		return p.guard.Refuse("declared a packet of more than %d bytes", most)
	}
	body := p.begun[headLength:]
	if len(body) < min(length, numberLength) {
		return nil
	}
	if number := leading(body); p.commanded && number > uint64(max(maxColumns, length)) {
		return p.guard.Refuse("declared a result of %d columns", number)
	}
	p.skip = length - len(body)
	p.begun = p.begun[:0]
	return nil
}

func (p *packets) most() int {
	if p.commanded {
		return maxMessage
	}
	return maxLogin
}

// leading returns the number at the beginning of a packet. 0xfe marks a number of 8
// bytes, but has another meaning in a packet that is too short for one.
func leading(body []byte) uint64 {
	if len(body) == 0 {
		return 0
	}
	switch mark := body[0]; {
	case mark == 0xfc && len(body) >= 3:
		return uint64(binary.LittleEndian.Uint16(body[1:]))
	case mark == 0xfd && len(body) >= 4:
		return uint64(body[1]) | uint64(body[2])<<8 | uint64(body[3])<<16
	case mark == 0xfe && len(body) >= numberLength:
		return binary.LittleEndian.Uint64(body[1:])
	}
	return 0
}
