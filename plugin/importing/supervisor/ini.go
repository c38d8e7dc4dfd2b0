// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"queueworker.dev/queueworker/plugin/importing/budget"
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
	// latest holds the index in settings of the last setting of each key.
	latest map[string]int
	// here is the directory of the section's file, for %(here)s.
	here string
}

// get finds a setting.
func (s *section) get(key string) (setting, bool) {
	at, ok := s.latest[key]
	if !ok {
		return setting{}, false
	}
	return s.settings[at], true
}

// add appends settings.
func (s *section) add(settings ...setting) {
	for _, given := range settings {
		s.latest[given.key] = len(s.settings)
		s.settings = append(s.settings, given)
	}
}

// ini holds the sections of all files in the order of their first occurrence. It follows
// the rules of Python's RawConfigParser, with which Supervisor reads its files. A comment
// begins with ; or # at the start of a line or after a blank. A line that is indented
// more than the line of a setting continues that setting. A section or a key may occur
// again.
type ini struct {
	sections []*section
	byName   map[string]*section
	left     *budget.Budget
}

// section returns the section of a name; nil if there is none.
func (i *ini) section(name string) *section { return i.byName[name] }

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
	// value holds the lines of the current section's last setting, if further lines may
	// continue it. indent is the indentation of its first line.
	value  []string
	indent int
}

// lineSize is how many bytes are paid for each line in addition to its text.
const lineSize = 64

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
		at := manifest.Line{File: file, Number: number}
		if err := i.left.Steps(1); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if err := i.left.Bytes(len(line) + lineSize); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		if err := r.line(at, line); err != nil {
			return err
		}
	}
	r.end()
	return nil
}

func (r *reader) line(at manifest.Line, line string) error {
	text, commented := withoutComment(line)
	value := strings.TrimSpace(text)
	if value == "" {
		if !commented && r.value != nil {
			r.value = append(r.value, "")
		}
		return nil
	}
	indent := len(line) - len(strings.TrimLeftFunc(line, unicode.IsSpace))
	if r.value != nil && indent > r.indent {
		r.value = append(r.value, value)
		return nil
	}
	r.end()
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
	r.current.add(setting{key: strings.ToLower(strings.TrimSpace(found[1])), line: at})
	r.value = []string{strings.TrimSpace(found[2])}
	return nil
}

func (r *reader) begin(at manifest.Line, name string) {
	if r.current = r.into.section(name); r.current != nil {
		return
	}
	r.current = &section{name: name, line: at, here: r.here, latest: map[string]int{}}
	r.into.sections = append(r.into.sections, r.current)
	if r.into.byName == nil {
		r.into.byName = map[string]*section{}
	}
	r.into.byName[name] = r.current
}

// end joins the lines of the last setting into its value.
func (r *reader) end() {
	if r.value == nil {
		return
	}
	last := &r.current.settings[len(r.current.settings)-1]
	last.value = strings.TrimRightFunc(strings.Join(r.value, "\n"), unicode.IsSpace)
	r.value = nil
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
	runes := 0
	for at := range text {
		if runes == most {
			return text[:at] + "..."
		}
		runes++
	}
	return text
}
