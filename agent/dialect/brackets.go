// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import "bytes"

// BracketParser reads the lines of Laravel before 9.21:
//
//	[2026-11-23 09:50:02][Mz1jq180pCzGx0zBOXlMVyEhcLo4UwhQ] Processing: App\Jobs\FastJob
//	[2026-11-23 09:50:02][Mz1jq180pCzGx0zBOXlMVyEhcLo4UwhQ] Processed:  App\Jobs\FastJob
//	[2026-11-23 09:50:02][mKgWbx1FzFpp2MN0WNhaLbhYHoa4IrpW] Failed:     App\Jobs\FailingJob
//
// Output of the job without a line end may precede a line.
type BracketParser struct {
	scratch []byte
}

// Parse implements Parser.
func (p *BracketParser) Parse(line []byte, event *Event) bool {
	line = plain(line, &p.scratch)
	if parseBrackets(line, event) {
		return true
	}
	// After such output, the time stamp begins at a later bracket. Every event contains one
	// of these words, so other lines are rejected at once.
	if !bytes.Contains(line, []byte("] Process")) && !bytes.Contains(line, []byte("] Failed:")) {
		return false
	}
	for from := 1; from < len(line); {
		at := bytes.IndexByte(line[from:], '[')
		if at < 0 {
			return false
		}
		from += at
		if parseBrackets(line[from:], event) {
			return true
		}
		from++
	}
	return false
}

func parseBrackets(line []byte, event *Event) bool {
	if len(line) < stampLength+2 || line[0] != '[' || line[stampLength+1] != ']' || !isStamp(line[1:]) {
		return false
	}
	rest := line[stampLength+2:]
	var id []byte
	if len(rest) > 0 && rest[0] == '[' {
		end := bytes.IndexByte(rest, ']')
		if end < 0 {
			return false
		}
		id, rest = rest[1:end], rest[end+1:]
	}
	kind, class := bracketWord(rest)
	if kind == 0 || len(class) == 0 {
		return false
	}
	*event = Event{Kind: kind, ID: id, Class: class, Duration: -1}
	return true
}

// bracketWord parses " Processing: Class", whose word is padded to 11 characters.
func bracketWord(rest []byte) (Kind, []byte) {
	for _, word := range []struct {
		text string
		kind Kind
	}{{" Processing:", Started}, {" Processed:", Processed}, {" Failed:", Failed}} {
		if len(rest) > len(word.text) && string(rest[:len(word.text)]) == word.text {
			return word.kind, bytes.TrimSpace(rest[len(word.text):])
		}
	}
	return 0, nil
}
