// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// JSONParser reads the lines of Laravel 11.27 and later with --json, one object per line.
// A job's uuid and its number of attempts identify an attempt.
//
// The status is starting, success, released_after_exception or failed. A success with the
// result "released" went back to its queue. Lines about queues (paused, resumed) have no
// job and are not events. An object may follow output of the job that has no line end,
// and may be cut off in a long message; the members that Parse needs come before the
// message.
type JSONParser struct {
	scratch, thrown []byte
}

var jsonMark = []byte(`{"level":"`)

// jsonLine holds the raw values of the members that Parse needs.
type jsonLine struct {
	id, uuid, queue, job, status, result, attempts, duration, exception []byte
}

// Parse implements Parser.
func (p *JSONParser) Parse(line []byte, event *Event) bool {
	at := bytes.Index(line, jsonMark)
	if at < 0 {
		return false
	}
	var found jsonLine
	found.read(line[at+1:])
	if len(found.job) == 0 {
		return false
	}
	kind := jsonKind(found.status, found.result)
	if kind == 0 {
		return false
	}
	*event = Event{Kind: kind, ID: found.uuid, Queue: found.queue, Duration: -1}
	if len(event.ID) == 0 {
		event.ID = found.id
	}
	event.Class = unescape(found.job, &p.scratch)
	event.Exception = unescape(found.exception, &p.thrown)
	event.Attempt, _ = strconv.Atoi(string(found.attempts))
	if seconds, err := strconv.ParseFloat(string(found.duration), 64); err == nil && seconds >= 0 && seconds < 1e7 {
		event.Duration = time.Duration(seconds * float64(time.Second))
	}
	return true
}

func jsonKind(status, result []byte) Kind {
	switch string(status) {
	case "starting":
		return Started
	case "success":
		if string(result) == "released" {
			return Released
		}
		return Processed
	case "released_after_exception":
		return Released
	case "failed":
		return Failed
	}
	return 0
}

// read reads the members of an object after its opening brace, until its end or the first
// text that is not JSON.
func (l *jsonLine) read(b []byte) {
	for {
		var key, value []byte
		var ok bool
		if key, b, ok = jsonString(b); !ok || len(b) == 0 || b[0] != ':' {
			return
		}
		if value, b, ok = jsonValue(b[1:]); !ok {
			return
		}
		l.set(key, value)
		if len(b) == 0 || b[0] != ',' {
			return
		}
		b = b[1:]
	}
}

func (l *jsonLine) set(key, value []byte) {
	switch string(key) {
	case "id":
		l.id = value
	case "uuid":
		l.uuid = value
	case "queue":
		l.queue = value
	case "job":
		l.job = value
	case "status":
		l.status = value
	case "result":
		l.result = value
	case "attempts":
		l.attempts = value
	case "duration":
		l.duration = value
	case "exception":
		l.exception = value
	}
}

// jsonString reads a string and returns its raw content and the rest of b.
func jsonString(b []byte) (content, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '"' {
		return nil, nil, false
	}
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return b[1:i], b[i+1:], true
		}
	}
	return nil, nil, false
}

// jsonValue reads any value. It returns an object or array unparsed.
func jsonValue(b []byte) (value, rest []byte, ok bool) {
	if len(b) == 0 {
		return nil, nil, false
	}
	switch b[0] {
	case '"':
		return jsonString(b)
	case '{', '[':
		return jsonNested(b)
	}
	end := bytes.IndexAny(b, ",}]")
	if end < 0 {
		end = len(b)
	}
	return b[:end], b[end:], true
}

func jsonNested(b []byte) (value, rest []byte, ok bool) {
	depth := 0
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '"':
			_, after, closed := jsonString(b[i:])
			if !closed {
				return nil, nil, false
			}
			i = len(b) - len(after) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return b[:i+1], b[i+1:], true
			}
		}
	}
	return nil, nil, false
}

// unescape resolves the escapes of a string, because class names are full of them. It
// returns a string without escapes unchanged; otherwise scratch holds the result.
func unescape(raw []byte, scratch *[]byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	out := (*scratch)[:0]
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' || i+1 == len(raw) {
			out = append(out, raw[i])
			continue
		}
		i++
		switch raw[i] {
		case 'n', 't', 'r', 'b', 'f':
			out = append(out, ' ')
		case 'u':
			r, used := jsonRune(raw[i+1:])
			out = utf8.AppendRune(out, r)
			i += used
		default:
			out = append(out, raw[i])
		}
	}
	*scratch = out
	return out
}

// jsonRune reads the hexadecimal digits after \u, and a second escape if both form a
// surrogate pair. It returns the rune and the number of bytes it used.
func jsonRune(b []byte) (rune, int) {
	if len(b) < 4 {
		return utf8.RuneError, len(b)
	}
	first, err := strconv.ParseUint(string(b[:4]), 16, 16)
	if err != nil {
		return utf8.RuneError, 4
	}
	if utf16.IsSurrogate(rune(first)) && len(b) >= 10 && b[4] == '\\' && b[5] == 'u' {
		if second, err := strconv.ParseUint(string(b[6:10]), 16, 16); err == nil {
			return utf16.DecodeRune(rune(first), rune(second)), 10
		}
	}
	return rune(first), 4
}
