// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package supervisor reads the configuration of Supervisor, by Supervisor's own rules,
// and makes QueueWorkers from the programs that are queue workers. It refuses what
// Supervisor would refuse.
package supervisor

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"queueworker.dev/queueworker/plugin/importing/budget"
	"queueworker.dev/queueworker/plugin/importing/manifest"
)

const (
	programPrefix = "program:"
	groupPrefix   = "group:"
)

// Input is the input of an import.
type Input struct {
	// Paths are the files to read, as the user named them.
	Paths []string
	// Directory is the working directory, the base of relative paths.
	Directory string
	// Environment holds the known variables of supervisord's environment.
	Environment map[string]string
	// Read reads a file that the user named. ReadIncluded reads a file that another file
	// includes.
	Read, ReadIncluded func(path string) ([]byte, error)
	// Glob returns the files that match a pattern, sorted. It pays for each name that it
	// compares.
	Glob func(pattern string, left *budget.Budget) ([]string, error)
}

// fileSteps is the number of steps that a file costs in addition to its lines.
const fileSteps = 100

// configuration is one file with the files that it includes.
type configuration struct {
	ini
	// file is the path of the file, and included are the paths of the files that it
	// includes.
	file        string
	included    []string
	environment map[string]string
	// shared is the environment that supervisord gives every program.
	shared []variable
	notes  []manifest.Note
	pools  []manifest.Placement
}

// Import reads the files.
func Import(in Input) (manifest.Draft, error) {
	draft := manifest.Draft{Origin: "Imported from " + strings.Join(in.Paths, ", ") + " by kubectl queueworker import supervisor."}
	configurations, err := loadAll(in)
	if err != nil {
		return manifest.Draft{}, err
	}
	for _, c := range configurations {
		if err := c.convert(); err != nil {
			return manifest.Draft{}, err
		}
		draft.Notes = append(draft.Notes, c.notes...)
		draft.Pools = append(draft.Pools, c.pools...)
	}
	return draft, nil
}

// loadAll reads the named files. It skips files that another of them includes, and files
// that are named twice.
func loadAll(in Input) ([]*configuration, error) {
	var all []*configuration
	included := map[string]bool{}
	left := budget.New()
	for _, name := range in.Paths {
		c := &configuration{ini: ini{left: left}, environment: in.Environment, file: in.absolute(name)}
		if err := c.load(in, name); err != nil {
			return nil, err
		}
		for _, file := range c.included {
			included[file] = true
		}
		all = append(all, c)
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(c *configuration) bool {
		again := seen[c.file] || included[c.file]
		seen[c.file] = true
		return again
	}), nil
}

// absolute returns a path from the root.
func (in Input) absolute(name string) string {
	if path.IsAbs(name) {
		return path.Clean(name)
	}
	return path.Join(in.Directory, name)
}

func (c *configuration) note(n manifest.Note) {
	if c.left.Steps(1) == nil && c.left.Bytes(len(n.Subject)+len(n.Why)) == nil {
		c.notes = append(c.notes, n)
	}
}

// load reads a file and the files that it includes. An included file cannot include
// others.
func (c *configuration) load(in Input, name string) error {
	if err := c.readFile(in, in.Read, name); err != nil {
		return err
	}
	if err := c.include(in, name); err != nil {
		return err
	}
	if defaults := c.section(defaultSection); defaults != nil {
		for _, s := range c.sections {
			if s == defaults {
				continue
			}
			own := s.settings
			if err := c.left.Steps(2 * (len(defaults.settings) + len(own))); err != nil {
				return fmt.Errorf("%s: %w", s.line, err)
			}
			s.settings = nil
			s.add(defaults.settings...)
			s.add(own...)
		}
	}
	return c.readShared()
}

func (c *configuration) readFile(in Input, read func(string) ([]byte, error), name string) error {
	if err := c.left.Steps(fileSteps); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	content, err := read(name)
	switch {
	case err != nil:
		return fmt.Errorf("read %s: %w", name, err)
	case len(content) > manifest.MaxFileSize:
		return fmt.Errorf("%s has more than %d bytes, which no configuration has; is it the right file?", name, manifest.MaxFileSize)
	}
	return c.read(name, path.Dir(in.absolute(name)), content)
}

// include reads the files that [include] names: patterns relative to the file.
func (c *configuration) include(in Input, name string) error {
	s := c.section("include")
	if s == nil {
		return nil
	}
	files, ok := s.get("files")
	if !ok {
		return fmt.Errorf("%s: [include] has no files", s.line)
	}
	expanded, err := c.outside(s).expand(files.value)
	if err != nil {
		return fmt.Errorf("%s: files: %w", files.line, err)
	}
	read := map[string]bool{c.file: true}
	for pattern := range strings.FieldsSeq(expanded) {
		matching, err := c.matching(in, files, name, pattern)
		if err != nil {
			return err
		}
		for _, file := range matching {
			absolute := in.absolute(file)
			if read[absolute] {
				continue
			}
			read[absolute] = true
			c.included = append(c.included, absolute)
			if err := c.readFile(in, in.ReadIncluded, file); err != nil {
				return err
			}
		}
	}
	return nil
}

// matching returns the files that match a pattern in the setting files.
func (c *configuration) matching(in Input, files setting, name, pattern string) ([]string, error) {
	if !path.IsAbs(pattern) {
		pattern = path.Join(path.Dir(name), pattern)
	}
	matching, err := in.Glob(pattern, c.left)
	if spent := c.left.Err(); spent != nil {
		return nil, fmt.Errorf("%s: files: %w", files.line, spent)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: files: %s is no pattern for file names: %w", files.line, shorten(pattern), err)
	}
	if len(matching) == 0 {
		c.note(manifest.Note{Line: files.line, Subject: "files=" + pattern, Why: "no file on this machine matches; import the files that match on the server too", Warning: true})
	}
	return matching, nil
}

// outside returns the values of names in a section that is not a program.
func (c *configuration) outside(s *section) expansions {
	return expansions{text: map[string]string{"here": s.here}, environment: c.environment, left: c.left}
}

// readShared reads the environment of [supervisord], which every program gets.
func (c *configuration) readShared() error {
	s := c.section("supervisord")
	if s == nil {
		return nil
	}
	given, ok := s.get("environment")
	if !ok {
		return nil
	}
	text, err := c.outside(s).expand(given.value)
	if err == nil {
		c.shared, err = c.parse(text)
	}
	if err != nil {
		return fmt.Errorf("%s: environment: %w", given.line, err)
	}
	c.environment = with(c.environment, c.shared)
	return nil
}

// groups returns the group of each program that is in a group.
func (c *configuration) groups() (map[string]string, error) {
	groups := map[string]string{}
	for _, s := range c.sections {
		group, ok := strings.CutPrefix(s.name, groupPrefix)
		if !ok {
			continue
		}
		programs, ok := s.get("programs")
		if !ok {
			return nil, fmt.Errorf("%s: [%s] names no programs", s.line, s.name)
		}
		for name := range strings.SplitSeq(programs.value, ",") {
			name = strings.TrimSpace(name)
			if c.section(programPrefix+name) == nil && c.section("fcgi-program:"+name) == nil {
				return nil, fmt.Errorf("%s: [%s] names the program %q, which does not exist", programs.line, s.name, name)
			}
			groups[name] = strings.TrimSpace(group)
		}
		if given, ok := s.get("priority"); ok {
			c.note(manifest.Note{Line: given.line, Subject: "priority=" + given.value, Why: "all pools start at the same time; the field priority only orders pools under maxProcesses of the QueueApp"})
		}
	}
	return groups, nil
}

// convert makes pools from the programs.
func (c *configuration) convert() error {
	groups, err := c.groups()
	if err != nil {
		return err
	}
	var problems []error
	for _, s := range c.sections {
		if err := c.left.Err(); err != nil {
			return fmt.Errorf("%s: %w", s.line, err)
		}
		name, isProgram := strings.CutPrefix(s.name, programPrefix)
		if !isProgram {
			c.otherSection(s)
			continue
		}
		group, ok := groups[strings.TrimSpace(name)]
		if !ok {
			group = strings.TrimSpace(name)
		}
		p, err := c.program(s, group)
		if err == nil {
			err = c.convertProgram(&p)
		}
		if _, exceeded := errors.AsType[*budget.ExceededError](err); exceeded {
			return err
		}
		problems = append(problems, err)
	}
	if err := c.left.Err(); err != nil {
		return fmt.Errorf("%s: %w", c.file, err)
	}
	return errors.Join(problems...)
}

// otherSections says what became of sections that are no programs.
var otherSections = map[string]string{
	"supervisord":      "the operator takes its place",
	"supervisorctl":    "kubectl takes its place",
	"unix_http_server": "the API server takes its place",
	"inet_http_server": "the API server takes its place",
	"rpcinterface:":    "the API server takes its place",
	"eventlistener:":   "Kubernetes events and conditions of the QueueWorker take its place",
	"fcgi-program:":    "it is no queue worker",
	"ctlplugin:":       "kubectl takes its place",
	"include":          "",
	groupPrefix:        "",
	defaultSection:     "",
}

func (c *configuration) otherSection(s *section) {
	name := s.name
	if kind, _, ok := strings.Cut(s.name, ":"); ok {
		name = kind + ":"
	}
	why, known := otherSections[name]
	switch {
	case !known:
		c.note(manifest.Note{Line: s.line, Subject: "[" + s.name + "]", Why: "Supervisor does not know such a section; is it a [program:...]?", Warning: true})
	case why != "":
		c.note(manifest.Note{Line: s.line, Subject: "[" + s.name + "]", Why: why})
	}
}
