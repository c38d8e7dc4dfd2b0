// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"fmt"
	"regexp"
	"time"
)

// PatternParser reads the lines of a Custom worker with the user's own expressions. The
// first match decides, in the order started, done, failed, released.
type PatternParser struct {
	rules   []rule
	scratch []byte
}

// Expressions are the RE2 expressions of a PatternParser; an empty one matches nothing.
type Expressions struct {
	Started, Done, Failed, Released string
}

type rule struct {
	kind                    Kind
	expression              *regexp.Regexp
	id, class, milliseconds int // indexes of the named groups; -1 if absent
}

// NewPatternParser compiles the expressions. The error names the field and its problem.
func NewPatternParser(expressions Expressions) (*PatternParser, error) {
	p := &PatternParser{}
	for _, source := range []struct {
		field, text string
		kind        Kind
	}{
		{"started", expressions.Started, Started},
		{"done", expressions.Done, Processed},
		{"failed", expressions.Failed, Failed},
		{"released", expressions.Released, Released},
	} {
		if source.text == "" {
			continue
		}
		expression, err := regexp.Compile(source.text)
		if err != nil {
			return nil, fmt.Errorf("pattern %s: %w", source.field, err)
		}
		p.rules = append(p.rules, rule{
			kind: source.kind, expression: expression,
			id:           expression.SubexpIndex("id"),
			class:        expression.SubexpIndex("class"),
			milliseconds: expression.SubexpIndex("milliseconds"),
		})
	}
	return p, nil
}

// Concurrent reports whether jobs can be paired by id, so that several may be open at
// once.
func (p *PatternParser) Concurrent() bool {
	for _, r := range p.rules {
		if r.kind == Started {
			return r.id >= 0
		}
	}
	return false
}

// SeesStarts reports whether the patterns recognize the start of a job.
func (p *PatternParser) SeesStarts() bool {
	return len(p.rules) > 0 && p.rules[0].kind == Started
}

// Parse implements Parser.
func (p *PatternParser) Parse(line []byte, event *Event) bool {
	line = plain(line, &p.scratch)
	for i := range p.rules {
		r := &p.rules[i]
		match := r.expression.FindSubmatchIndex(line)
		if match == nil {
			continue
		}
		*event = Event{Kind: r.kind, ID: group(line, match, r.id), Class: group(line, match, r.class), Duration: -1}
		if digits := group(line, match, r.milliseconds); len(digits) > 0 && r.kind != Started {
			event.Duration = milliseconds(digits)
		}
		return true
	}
	return false
}

func group(line []byte, match []int, index int) []byte {
	if index < 0 || match[2*index] < 0 {
		return nil
	}
	return line[match[2*index]:match[2*index+1]]
}

// unmeasured is the longest duration that a ledger accepts from a worker. Beyond it the
// ledger uses the clock.
const unmeasured = 1000 * time.Hour
