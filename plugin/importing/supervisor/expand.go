// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"queueworker.dev/queueworker/plugin/importing/budget"
	"queueworker.dev/queueworker/plugin/importing/flags"
)

// expansions are the values of the names in %(name)s.
type expansions struct {
	text    map[string]string
	numbers map[string]int
	// environment holds the known variables of supervisord's own environment.
	environment map[string]string
	left        *budget.Budget
}

// format matches the part after the name in a conversion of Python's % operator, such as
// 02d in %(name)02d. No real one is longer than maxFormat.
var format = regexp.MustCompile(`^([#0\- +]*)([0-9]{0,3})(?:\.[0-9]{1,3})?[hlL]?(.?)`)

const maxFormat = 32

// expand replaces %(name)s and %% as Python's % operator does. It marks a variable of an
// environment that is unknown here, see flags.MarkUnknown.
func (e expansions) expand(text string) (string, error) {
	if err := e.left.Bytes(len(text)); err != nil {
		return "", err
	}
	var expanded strings.Builder
	for {
		at := strings.IndexByte(text, '%')
		if at < 0 {
			expanded.WriteString(text)
			return expanded.String(), nil
		}
		expanded.WriteString(text[:at])
		name, rest := mapped(text[at+1:])
		parts := format.FindStringSubmatch(rest[:min(len(rest), maxFormat)])
		rest = rest[len(parts[0]):]
		value, err := e.one(name, parts[1], parts[2], parts[3])
		if err != nil {
			return "", fmt.Errorf("%q: %w", shorten(text[at:len(text)-len(rest)]), err)
		}
		if err := e.left.Steps(1); err != nil {
			return "", err
		}
		if err := e.left.Bytes(len(value)); err != nil {
			return "", err
		}
		expanded.WriteString(value)
		text = rest
	}
}

// mapped splits (name)s into the name and the rest.
func mapped(text string) (name, rest string) {
	if !strings.HasPrefix(text, "(") {
		return "", text
	}
	end := strings.IndexByte(text, ')')
	if end < 0 {
		return "", text
	}
	return text[1:end], text[end+1:]
}

func (e expansions) one(name, options, width, kind string) (string, error) {
	if kind == "%" {
		return "%", nil
	}
	if name == "" {
		return "", errors.New("write a literal percent sign as %%")
	}
	value, number, err := e.value(name)
	if err != nil {
		return "", err
	}
	switch kind {
	case "s":
	case "d", "i":
		if !number {
			return "", fmt.Errorf("%s is no number; write %%(%s)s", shorten(name), shorten(name))
		}
	default:
		return "", fmt.Errorf("write %%(%s)s", shorten(name))
	}
	return pad(value, options, width, kind != "s"), nil
}

// pad fills a value up to its width.
func pad(value, options, width string, number bool) string {
	n, _ := strconv.Atoi(width) // it has only digits or is empty, which gives 0
	missing := max(n-len(value), 0)
	switch {
	case strings.Contains(options, "-"):
		return value + strings.Repeat(" ", missing)
	case number && strings.Contains(options, "0"):
		return strings.Repeat("0", missing) + value
	}
	return strings.Repeat(" ", missing) + value
}

func (e expansions) value(name string) (value string, number bool, err error) {
	if n, ok := e.numbers[name]; ok {
		return strconv.Itoa(n), true, nil
	}
	if text, ok := e.text[name]; ok {
		return text, false, nil
	}
	if variable, ok := strings.CutPrefix(name, "ENV_"); ok && plainName.MatchString(variable) {
		if known, ok := e.environment[variable]; ok {
			return known, false, nil
		}
		return flags.MarkUnknown(name), false, nil
	}
	if name == "host_node_name" {
		return flags.MarkUnknown(name), false, nil
	}
	return "", false, fmt.Errorf("there is no name %s; Supervisor knows program_name, process_num, numprocs, group_name, host_node_name, here and ENV_X", shorten(name))
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// plainWord are the characters that a value in an environment setting may contain without
// quotes.
const plainWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.+-():"

// variable is one variable of an environment.
type variable struct{ name, value string }

// environment parses KEY="value",KEY2=value2. Supervisor reads it with Python's shlex,
// whose words consist of plainWord or are quoted, and takes every fourth word for a
// comma.
func environment(text string) ([]variable, error) {
	words, err := words(text)
	if err != nil {
		return nil, err
	}
	var out []variable
	for i := 0; i < len(words); i += 4 {
		if i+2 >= len(words) || words[i+1] != "=" {
			return nil, fmt.Errorf("near %q it is not KEY=\"value\",KEY2=\"value2\"; a value with other than letters, digits and _ / . + - ( ) : must be in quotes", shorten(words[i]))
		}
		out = append(out, variable{name: words[i], value: strings.Trim(words[i+2], `'"`)})
	}
	return out, nil
}

// latest keeps only the last variable of each name.
func latest(variables []variable) []variable {
	places := make(map[string]int, len(variables))
	for i, v := range variables {
		places[v.name] = i
	}
	out := make([]variable, 0, len(places))
	for i, v := range variables {
		if places[v.name] == i {
			out = append(out, v)
		}
	}
	return out
}

// words splits a text as Python's shlex does without its POSIX mode.
func words(text string) ([]string, error) {
	var out []string
	for len(text) > 0 {
		switch first := text[0]; {
		case strings.IndexByte(" \t\r\n", first) >= 0:
			text = text[1:]
		case first == '#':
			_, text, _ = strings.Cut(text, "\n")
		case first == '"' || first == '\'':
			end := strings.IndexByte(text[1:], first)
			if end < 0 {
				return nil, fmt.Errorf("the quote before %q is not closed", shorten(text[1:]))
			}
			out, text = append(out, text[:end+2]), text[end+2:]
		default:
			end := max(wordEnd(text), 1)
			out, text = append(out, text[:end]), text[end:]
		}
	}
	return out, nil
}

// wordEnd returns the length of the word at the start of the text. A quote inside a word
// belongs to the word.
func wordEnd(text string) int {
	if strings.IndexByte(plainWord, text[0]) < 0 {
		return 1
	}
	for i := range len(text) {
		if strings.IndexByte(plainWord+`'"`, text[i]) < 0 {
			return i
		}
	}
	return len(text)
}
