// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package bounds

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// Excess is the first value that exceeds its bound. Counting stops there, so the full
// size of the value is unknown.
type Excess struct {
	// Field is the path of the value, such as spec.template.spec.tolerations.
	Field string
	// What is the unit: entries, keys, characters, bytes or values.
	What string
	Most int
}

// String says what is too large and gives the bound.
func (e *Excess) String() string {
	return fmt.Sprintf("%s has more than %d %s", e.Field, e.Most, e.What)
}

// Check returns the first value of a JSON document that exceeds its bound, or nil if
// there is none. path is the path of the document, such as spec.template.
//
// It makes one pass over the document, and none over a document that is too long.
func Check(path string, document []byte, total Total) (*Excess, error) {
	if len(document) > total.Bytes {
		return &Excess{path, "bytes of JSON", total.Bytes}, nil
	}
	if !json.Valid(document) {
		return nil, errors.New(path + " is no JSON")
	}
	s := scanner{rest: document, values: total.Values}
	excess := s.value(at{}, false)
	if excess == nil {
		return nil, nil
	}
	if excess.What == whatValues {
		// The value at which the total was exceeded is of no interest.
		return &Excess{path, whatValues, total.Values}, nil
	}
	excess.Field = path + excess.Field
	return excess, nil
}

const whatValues = "values (objects, lists, strings, numbers)"

// scanner reads a valid JSON document.
type scanner struct {
	rest []byte
	// values is the number of values that may still follow.
	values int
}

// next skips white space and returns the byte after it.
func (s *scanner) next() byte {
	for s.rest[0] == ' ' || s.rest[0] == '\t' || s.rest[0] == '\n' || s.rest[0] == '\r' {
		s.rest = s.rest[1:]
	}
	return s.rest[0]
}

// value reads the value of a field, or an entry of the list or map in that field. An
// object is a map if the table has the field, but an entry of a list is never a map.
func (s *scanner) value(where at, entry bool) *Excess {
	if s.values--; s.values < 0 {
		return &Excess{What: whatValues}
	}
	switch s.next() {
	case '{':
		_, named := allMaps[where.field]
		return s.object(where, named && !entry)
	case '[':
		return s.list(where)
	case '"':
		text := s.text()
		if len(text) <= labelText {
			return nil // no text has a lower bound
		}
		return excess(Text, where, runes(text))
	}
	for len(s.rest) > 0 {
		switch s.rest[0] {
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			return nil
		}
		s.rest = s.rest[1:]
	}
	return nil
}

func (s *scanner) list(where at) *Excess {
	s.rest = s.rest[1:]
	for n := 0; s.next() != ']'; n++ {
		if over := excess(List, where, n+1); over != nil {
			return over
		}
		if over := s.value(where, true); over != nil {
			over.Field = fmt.Sprintf("[%d]%s", n, over.Field)
			return over
		}
		if s.next() == ',' {
			s.rest = s.rest[1:]
		}
	}
	s.rest = s.rest[1:]
	return nil
}

func (s *scanner) object(where at, isMap bool) *Excess {
	s.rest = s.rest[1:]
	for n := 0; s.next() != '}'; n++ {
		key := s.text()
		below := at{where.field, string(key)}
		if isMap {
			below = where
			if over := cmp.Or(excess(Map, where, n+1), excess(Key, where, runes(key))); over != nil {
				return over
			}
		}
		s.next()
		s.rest = s.rest[1:] // the colon
		if over := s.value(below, false); over != nil {
			over.Field = segment(string(key), isMap) + over.Field
			return over
		}
		if s.next() == ',' {
			s.rest = s.rest[1:]
		}
	}
	s.rest = s.rest[1:]
	return nil
}

// text reads a string and returns the bytes between its quotes.
func (s *scanner) text() []byte {
	s.next()
	for i := 1; ; i++ {
		switch s.rest[i] {
		case '\\':
			i++
		case '"':
			text := s.rest[1:i]
			s.rest = s.rest[i+1:]
			return text
		}
	}
}

// excess returns an Excess if a size exceeds its bound.
func excess(kind Kind, where at, size int) *Excess {
	most, known := Of(kind, where.parent, where.field)
	if !known || size <= most {
		return nil
	}
	what := ""
	switch kind {
	case List:
		what = "entries"
	case Map:
		what = "keys"
	case Key:
		what = "characters in a key"
	case Text:
		what = "characters"
	}
	return &Excess{What: what, Most: most}
}

// segment returns a key as a part of a path, cut to a length that can be shown.
func segment(key string, ofMap bool) string {
	if !ofMap {
		return "." + key
	}
	if len(key) > labelText {
		key = key[:labelText] + "..."
	}
	return fmt.Sprintf("[%q]", key)
}

// runes returns the number of characters of a string, from the bytes between its quotes.
func runes(quoted []byte) int {
	n := 0
	for i := 0; i < len(quoted); n++ {
		switch {
		case quoted[i] != '\\':
			_, size := utf8.DecodeRune(quoted[i:])
			i += size
		case quoted[i+1] != 'u':
			i += 2
		case surrogates(quoted[i:]):
			i += 12
		default:
			i += 6
		}
	}
	return n
}

// surrogates reports whether a string begins with two escapes that form one character.
func surrogates(quoted []byte) bool {
	if len(quoted) < 12 || quoted[6] != '\\' || quoted[7] != 'u' {
		return false
	}
	return utf16.DecodeRune(escaped(quoted[2:6]), escaped(quoted[8:12])) != utf8.RuneError
}

func escaped(digits []byte) rune {
	var r rune
	for _, digit := range digits {
		r <<= 4
		switch {
		case digit <= '9':
			r += rune(digit - '0')
		default:
			r += rune(digit|0x20-'a') + 10
		}
	}
	return r
}
