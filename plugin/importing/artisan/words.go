// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package artisan

import (
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"queueworker.dev/queueworker/plugin/importing/budget"
)

// words returns the words of a command with the values of variables in place.
func (s *scripted) words(list []*syntax.Word) (words []string, err error) {
	for _, word := range list {
		// A short word such as {1..1000000000} expands to more than fits into memory.
		if copied := *word; syntax.SplitBraces(&copied) {
			return nil, &NotAWorkerError{What: "its script has braces that only a shell can work out"}
		}
		if err := s.pay(word); err != nil {
			return nil, err
		}
		s.defaults(word)
	}
	return s.parser.expand(list)
}

// maxSeparators is the maximum length of IFS. The library compares each character of a
// value with each character of IFS.
const maxSeparators = 16

// expand replaces the variables in words with their values. It pays for each value first.
// If the budget is spent then, only a panic can stop the library.
func (p *parser) expand(list []*syntax.Word) (words []string, err error) {
	if err := p.payLookup(); err != nil {
		return nil, err
	}
	separators := p.variable("IFS")
	if len(separators) > maxSeparators {
		return nil, &NotAWorkerError{What: "its script sets an IFS that only a shell can work with"}
	}
	defer func() {
		switch problem := recover().(type) {
		case nil:
		case *budget.ExceededError:
			words, err = nil, problem
		default: // the library cannot expand the word
			words, err = nil, &NotAWorkerError{What: "its script has a word that only a shell can work out"}
		}
	}()
	config := &expand.Config{Env: expand.FuncEnviron(func(name string) string {
		if err := p.payLookup(); err != nil {
			panic(err)
		}
		value := p.variable(name)
		if err := p.payValue(value, separators); err != nil {
			panic(err)
		}
		return value
	})}
	words, err = expand.Fields(config, list...)
	if err != nil {
		return nil, &NotAWorkerError{What: "its script has a word that only a shell can work out: " + err.Error()}
	}
	return words, nil
}

// payLookup pays for the search for a variable among all variables.
func (p *parser) payLookup() error { return p.left.Steps(1 + len(p.worker.Environment)/16) }

// payValue pays for the value of a variable and for the words that it may be split into.
func (p *parser) payValue(value, separators string) error {
	const fieldSize = 128
	fields := 1
	for _, separator := range separators {
		fields += strings.Count(value, string(separator))
	}
	if err := p.left.Steps(fields); err != nil {
		return err
	}
	return p.left.Bytes(len(value) + fields*fieldSize)
}

// pay pays for the variables of a word, and for operators such as ${X##*-} and ${X//a/b}.
// Such an operator may compare its pattern with each part of the value, and may insert
// its replacement at each place.
func (s *scripted) pay(word *syntax.Word) error {
	var err error
	syntax.Walk(word, func(node syntax.Node) bool {
		expansion, ok := node.(*syntax.ParamExp)
		if err == nil && ok && expansion.Param != nil {
			if err = s.parser.payLookup(); err == nil {
				err = s.pattern(expansion)
			}
		}
		return err == nil
	})
	return err
}

func (s *scripted) pattern(expansion *syntax.ParamExp) error {
	var pattern, with *syntax.Word
	switch {
	case expansion.Repl != nil:
		pattern, with = expansion.Repl.Orig, expansion.Repl.With
	case expansion.Exp == nil:
		return nil
	default:
		switch expansion.Exp.Op {
		case syntax.RemSmallPrefix, syntax.RemLargePrefix, syntax.RemSmallSuffix, syntax.RemLargeSuffix,
			syntax.UpperFirst, syntax.UpperAll, syntax.LowerFirst, syntax.LowerAll:
			pattern = expansion.Exp.Word
		default:
			return nil
		}
	}
	value := len(s.parser.variable(expansion.Param.Value)) + 1
	compared, ok := s.length(pattern)
	replaced, ok2 := s.length(with)
	if !ok || !ok2 {
		return &NotAWorkerError{What: "its script has a pattern that only a shell can work out"}
	}
	if err := s.parser.left.Steps(value * (compared + 1)); err != nil {
		return err
	}
	return s.parser.left.Bytes(value * (replaced + 1))
}

// length returns how long a word can become. ok is false if the word contains more than
// plain text and plain variables.
func (s *scripted) length(word *syntax.Word) (n int, ok bool) {
	if word == nil {
		return 0, true
	}
	return s.lengthOf(word.Parts)
}

func (s *scripted) lengthOf(parts []syntax.WordPart) (n int, ok bool) {
	for _, part := range parts {
		switch part := part.(type) {
		case *syntax.Lit:
			n += len(part.Value)
		case *syntax.SglQuoted:
			n += len(part.Value)
		case *syntax.DblQuoted:
			inner, ok := s.lengthOf(part.Parts)
			if !ok {
				return 0, false
			}
			n += inner
		case *syntax.ParamExp:
			if !plain(part) {
				return 0, false
			}
			n += len(s.parser.variable(part.Param.Value))
		default:
			return 0, false
		}
	}
	return n, true
}

// plain reports whether an expansion is replaced with the unchanged value of a variable.
func plain(expansion *syntax.ParamExp) bool {
	return expansion.Param != nil && expansion.Exp == nil && expansion.Repl == nil && expansion.Slice == nil && expansion.Index == nil && !expansion.Excl
}
