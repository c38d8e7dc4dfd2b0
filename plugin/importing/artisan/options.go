// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package artisan

import (
	"slices"
	"strings"

	"queueworker.dev/queueworker/plugin/importing/flags"
)

// withValue are the options that take the next word as their value if no value follows an
// equals sign.
var withValue = []string{
	"queue", "name", "delay", "backoff", "max-jobs", "max-time", "memory", "sleep", "rest", "timeout", "tries",
	"env", "stop-when-empty-for",
}

// options reads the words after queue:work as Symfony's console does.
func (p *parser) options(words []string) {
	onlyArguments := false
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		switch {
		case onlyArguments || !strings.HasPrefix(word, "-"):
			p.argument(word)
		case word == "--":
			onlyArguments = true
		case strings.HasPrefix(word, "--"):
			name, value, given := strings.Cut(word[2:], "=")
			if !given && slices.Contains(withValue, name) && len(words) > 0 && !strings.HasPrefix(words[0], "-") {
				value, given, words = words[0], true, words[1:]
			}
			p.option(flags.Option{Name: name, Value: value, Bare: !given})
		default:
			p.option(flags.Option{Name: strings.TrimPrefix(word, "-"), Bare: true})
		}
	}
	p.worker.Options = latest(p.worker.Options)
}

// latest keeps only the last option of each name.
func latest(options []flags.Option) []flags.Option {
	places := make(map[string]int, len(options))
	for i, option := range options {
		places[option.Name] = i
	}
	var out []flags.Option
	for i, option := range options {
		if places[option.Name] == i {
			out = append(out, option)
		}
	}
	return out
}

func (p *parser) argument(word string) {
	if p.worker.Connection == "" {
		p.worker.Connection = word
		return
	}
	p.remark(true, word, "queue:work takes one argument, the connection, and refuses a second")
}

// option adds an option. The application's environment becomes the variable APP_ENV.
func (p *parser) option(o flags.Option) {
	if o.Name == "env" {
		p.worker.Environment = append(p.worker.Environment, Variable{Name: "APP_ENV", Value: o.Value})
		return
	}
	p.worker.Options = append(p.worker.Options, o)
}
