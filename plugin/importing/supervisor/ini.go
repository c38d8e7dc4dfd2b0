// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"queueworker.dev/queueworker/plugin/importing/manifest"
)

// setting is one key=value of a section.
type setting struct {
	key, value string
	line       manifest.Line
}

// section is one [section] with its settings; of several with one key, the last counts.
type section struct {
	name     string
	line     manifest.Line
	settings []setting
	// here is the directory of the section's file, for %(here)s.
	here string
}

// get finds a setting.
func (s *section) get(key string) (setting, bool) {
	for _, given := range slices.Backward(s.settings) {
		if given.key == key {
			return given, true
		}
	}
	return setting{}, false
}

// ini holds the sections of all files in the order of their first occurrence. It follows
// the rules of Python's RawConfigParser, with which Supervisor reads its files. A comment
// begins with ; or # at the start of a line or after a blank. A line that is indented
// more than the line of a setting continues that setting. A section or a key may occur
// again.
type ini struct {
	sections []*section
}

func (i *ini) section(name string) *section {
	for _, s := range i.sections {
		if s.name == name {
			return s
		}
	}
	return nil
}

// defaultSection is the section whose settings count in every other section.
const defaultSection = "DEFAULT"

var (
	header = regexp.MustCompile(`^\[(.+)\]`)
	option = regexp.MustCompile(`^(.*?)\s*[=:]\s*(.*)$`)
)

// reader reads one file into an ini.
type reader struct {
	into *ini
	file string
	here string

	current *section
	// open is true if the current section's last setting may be continued, and indent is
	// the indentation of the line that began it.
	open   bool
	indent int
}

// read adds the content of a file.
func (i *ini) read(file, here string, content []byte) error {
	if !utf8.Valid(content) {
		return fmt.Errorf("%s is not a text in UTF-8; is it a Supervisor configuration?", file)
	}
	r := &reader{into: i, file: file, here: here}
	text := strings.TrimPrefix(string(content), "\ufeff")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		if err := r.line(manifest.Line{File: file, Number: number}, line); err != nil {
			return err
		}
	}
	for _, s := range i.sections {
		for j := range s.settings {
			s.settings[j].value = strings.TrimRightFunc(s.settings[j].value, unicode.IsSpace)
		}
	}
	return nil
}

func (r *reader) line(at manifest.Line, line string) error {
	text, commented := withoutComment(line)
	value := strings.TrimSpace(text)
	if value == "" {
		if !commented && r.open {
			r.continued("")
		}
		return nil
	}
	indent := len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace))
	if r.open && indent > r.indent {
		r.continued(value)
		return nil
	}
	r.indent = indent
	if found := header.FindStringSubmatch(value); found != nil {
		r.begin(at, found[1])
		return nil
	}
	if r.current == nil {
		return fmt.Errorf("%s: %q stands before the first [section]; is it a Supervisor configuration?", at, shorten(value))
	}
	found := option.FindStringSubmatch(value)
	if found == nil || found[1] == "" {
		return fmt.Errorf("%s: %q is neither a [section] nor key=value; a line that continues the one before must be indented", at, shorten(value))
	}
	r.current.settings = append(r.current.settings, setting{
		key: strings.ToLower(strings.TrimSpace(found[1])), value: strings.TrimSpace(found[2]), line: at,
	})
	r.open = true
	return nil
}

func (r *reader) begin(at manifest.Line, name string) {
	r.open = false
	if r.current = r.into.section(name); r.current != nil {
		return
	}
	r.current = &section{name: name, line: at, here: r.here}
	r.into.sections = append(r.into.sections, r.current)
}

func (r *reader) continued(value string) {
	last := &r.current.settings[len(r.current.settings)-1]
	last.value += "\n" + value
}

// withoutComment cuts a comment off a line.
func withoutComment(line string) (text string, commented bool) {
	trimmed := strings.TrimSpace(line)
	if strings.HasPrefix(trimmed, "#") || strings.HasPrefix(trimmed, ";") {
		return "", true
	}
	before := ' '
	for at, r := range line {
		if (r == ';' || r == '#') && unicode.IsSpace(before) {
			return line[:at], true
		}
		before = r
	}
	return line, false
}

// shorten cuts a text to the length that a message needs.
func shorten(text string) string {
	const most = 60
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "..."
}
