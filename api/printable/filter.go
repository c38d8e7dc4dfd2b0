// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package printable

import (
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns s without terminal control. It removes whole escape sequences, and all
// other control characters except line feeds and tabs. It also removes other characters
// that do not print, such as marks that change the direction of writing.
func Text(s string) string {
	var out strings.Builder
	filter := NewFilter(&out, nil)
	_, _ = filter.Write([]byte(s)) // a strings.Builder never fails
	_ = filter.Close()
	return out.String()
}

// longestSequence is the greatest length of a control sequence, in bytes. Whatever
// follows counts as text again, so that an introducer alone hides nothing.
const longestSequence = 64

const (
	escape = 0x1b
	cancel = 0x18
	bell   = 0x07
	// The introducers and the terminator of sequences as single C1 characters.
	deviceControl  = 0x90
	startOfString  = 0x98
	csi            = 0x9b
	terminator     = 0x9c
	systemCommand  = 0x9d
	privacyMessage = 0x9e
	application    = 0x9f
)

// state is the position within a control sequence.
type state int

const (
	ground    state = iota
	escaped         // after ESC
	charset         // after ESC and an intermediate byte
	control         // within CSI
	str             // within a string such as OSC, up to its terminator
	strEscape       // after ESC within a string
)

// Filter is a writer that passes text on without terminal control; see Text. It keeps its
// state, so a sequence or a character may span several writes.
type Filter struct {
	out io.Writer
	// keep reports whether to pass on a CSI sequence, from ESC to its final byte.
	keep     func(sequence string) bool
	state    state
	sequence []byte // the current CSI sequence, as ESC [ ...
	part     []byte // the start of an incomplete character
}

// NewFilter returns a Filter that writes to out. keep may be nil.
func NewFilter(out io.Writer, keep func(sequence string) bool) *Filter {
	return &Filter{out: out, keep: keep}
}

// Write implements io.Writer.
func (f *Filter) Write(p []byte) (int, error) {
	data := p
	if len(f.part) > 0 {
		data = slices.Concat(f.part, p)
		f.part = nil
	}
	out := make([]byte, 0, len(data))
	for len(data) > 0 {
		if !utf8.FullRune(data) {
			f.part = append([]byte(nil), data...)
			break
		}
		r, size := utf8.DecodeRune(data)
		out = f.take(out, r)
		data = data[size:]
	}
	if len(out) == 0 {
		return len(p), nil
	}
	if _, err := f.out.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close writes a replacement for a character that never became complete. It does not
// close the underlying writer.
func (f *Filter) Close() error {
	if len(f.part) == 0 {
		return nil
	}
	f.part = nil
	_, err := f.out.Write(f.take(nil, utf8.RuneError))
	return err
}

// take appends the output that r causes.
func (f *Filter) take(out []byte, r rune) []byte {
	switch f.state {
	case escaped, charset:
		return f.afterEscape(out, r)
	case control:
		return f.withinControl(out, r)
	case str, strEscape:
		return f.withinString(out, r)
	case ground:
	}
	return f.text(out, r)
}

// text handles r outside of a sequence.
func (f *Filter) text(out []byte, r rune) []byte {
	f.state = ground
	switch {
	case r == escape:
		f.state = escaped
	case r == csi:
		f.state, f.sequence = control, append(f.sequence[:0], "\x1b["...)
	case r == deviceControl, r == startOfString, r == systemCommand, r == privacyMessage, r == application:
		f.state = str
	case r == '\n', r == '\t', unicode.IsPrint(r):
		return utf8.AppendRune(out, r)
	case r != '\r' && unicode.IsSpace(r):
		return append(out, ' ')
	}
	return out
}

func (f *Filter) afterEscape(out []byte, r rune) []byte {
	switch {
	case f.state == escaped && r == '[':
		f.state, f.sequence = control, append(f.sequence[:0], "\x1b["...)
	case f.state == escaped && strings.ContainsRune("]PX^_", r):
		f.state = str
	case r >= 0x20 && r <= 0x2f:
		f.state = charset
	case r >= 0x30 && r <= 0x7e:
		f.state = ground
	default:
		return f.text(out, r)
	}
	return out
}

func (f *Filter) withinControl(out []byte, r rune) []byte {
	if r < 0x20 || r > 0x7e || len(f.sequence) >= longestSequence {
		return f.text(out, r)
	}
	f.sequence = append(f.sequence, byte(r))
	if r >= 0x40 {
		f.state = ground
		if f.keep != nil && f.keep(string(f.sequence)) {
			out = append(out, f.sequence...)
		}
	}
	return out
}

// withinString drops a string up to its terminator. A line feed ends the string as well,
// so that a string without a terminator cannot hide the lines after it.
func (f *Filter) withinString(out []byte, r rune) []byte {
	switch {
	case f.state == strEscape && r == '\\', r == bell, r == terminator, r == cancel:
		f.state = ground
	case f.state == strEscape:
		f.state = escaped
		return f.afterEscape(out, r)
	case r == escape:
		f.state = strEscape
	case r == '\n':
		return f.text(out, r)
	}
	return out
}
