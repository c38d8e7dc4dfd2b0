// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"queueworker.dev/queueworker/plugin/importing/artisan"
	"queueworker.dev/queueworker/plugin/importing/flags"
)

// maxProcesses is the maximum number of processes of a QueueWorker.
const maxProcesses = 1000

// program is a [program:x] section as Supervisor understands it.
type program struct {
	section *section
	name    string
	group   string

	autostart bool
	numprocs  int
	start     int
	// stopWait is stopwaitsecs; negative if it is not set.
	stopWait int
	// unknown are the settings whose value depends on an unknown variable.
	unknown []setting
}

// process describes the processes of a program that are alike.
type process struct {
	command     string
	environment []variable
	numbers     []int
}

// integers and booleans are the settings of a program that must have that type, with
// their defaults.
var (
	integers = map[string]int{"numprocs": 1, "numprocs_start": 0, "priority": 999, "startsecs": 1, "startretries": 3, "stopwaitsecs": -1}
	booleans = map[string]bool{"autostart": true, "stopasgroup": false, "killasgroup": false, "redirect_stderr": false}
)

// truths are the words that Supervisor reads as booleans.
var truths = map[string]bool{"yes": true, "true": true, "on": true, "1": true, "no": false, "false": false, "off": false, "0": false}

// program checks a section as Supervisor does before it starts anything.
func (c *configuration) program(s *section, group string) (program, error) {
	p := program{section: s, group: group}
	p.name = strings.TrimSpace(strings.TrimPrefix(s.name, programPrefix))
	if at := strings.IndexAny(p.name, " :/"); at >= 0 || p.name == "" {
		return p, fmt.Errorf("%s: the program's name %q must be a name without blanks, colons and slashes", s.line, p.name)
	}
	numbers, switches := maps.Clone(integers), maps.Clone(booleans)
	for _, given := range s.settings {
		if err := c.take(&p, given, numbers, switches); err != nil {
			return p, err
		}
	}
	p.autostart, p.numprocs, p.start, p.stopWait = switches["autostart"], numbers["numprocs"], numbers["numprocs_start"], numbers["stopwaitsecs"]
	return p, p.check(switches)
}

// take reads one setting of a program that must be a number or a boolean.
func (c *configuration) take(p *program, given setting, numbers map[string]int, switches map[string]bool) error {
	_, isNumber := numbers[given.key]
	_, isSwitch := switches[given.key]
	if !isNumber && !isSwitch && given.key != "autorestart" {
		return nil
	}
	value, err := c.known(p, given)
	switch {
	case err != nil || value == nil:
		return err
	case isNumber:
		numbers[given.key], err = wholeNumber(given, *value)
	default:
		switches[given.key], err = truth(given, *value)
	}
	return err
}

// check finds combinations that Supervisor refuses although each setting is right on its
// own.
func (p *program) check(switches map[string]bool) error {
	s := p.section
	if _, ok := s.get("killasgroup"); ok && switches["stopasgroup"] && !switches["killasgroup"] {
		return fmt.Errorf("%s: Supervisor refuses [%s], because stopasgroup=true needs killasgroup=true", s.line, s.name)
	}
	if _, ok := s.get("command"); !ok {
		return fmt.Errorf("%s: [%s] has no command", s.line, s.name)
	}
	name, _ := s.get("process_name")
	if p.numprocs > 1 && !strings.Contains(name.value, "%(process_num)") {
		return fmt.Errorf("%s: Supervisor refuses [%s], because with numprocs above 1 its process_name must have %%(process_num) in it", s.line, s.name)
	}
	return nil
}

// known returns the value of a setting. It returns nil, and remembers the setting, if the
// value depends on an unknown variable.
func (c *configuration) known(p *program, given setting) (*string, error) {
	value, err := c.expansions(p, -1).expand(given.value)
	if err != nil {
		return nil, fmt.Errorf("%s: %s=%s: %w", given.line, given.key, shorten(given.value), err)
	}
	if _, unknown := flags.Unknown(value); unknown {
		p.unknown = append(p.unknown, setting{key: given.key, value: value, line: given.line})
		return nil, nil //nolint:nilnil // no value is what there is to tell
	}
	value = strings.TrimSpace(value)
	return &value, nil
}

func wholeNumber(given setting, value string) (int, error) {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 && given.key != "priority" {
		return 0, fmt.Errorf("%s: %s=%s must be a whole number", given.line, given.key, shorten(value))
	}
	return n, nil
}

func truth(given setting, value string) (bool, error) {
	if given.key == "autorestart" && strings.EqualFold(value, "unexpected") {
		return true, nil
	}
	is, ok := truths[strings.ToLower(value)]
	if !ok {
		return false, fmt.Errorf("%s: %s=%s must be true or false", given.line, given.key, shorten(value))
	}
	return is, nil
}

// expansions returns the values of the names in a process of a program; number is
// negative if no single process is meant.
func (c *configuration) expansions(p *program, number int) expansions {
	e := expansions{
		text: map[string]string{
			"program_name": p.name, "group_name": p.group, "here": p.section.here,
		},
		numbers:     map[string]int{},
		environment: c.environment,
		left:        c.left,
	}
	if number >= 0 {
		e.numbers["process_num"], e.numbers["numprocs"] = number, p.numprocs
	}
	return e
}

// processes groups the processes of a program that are alike. Processes differ if the
// command or the environment contains the process number.
func (c *configuration) processes(p *program) ([]process, error) {
	command, _ := p.section.get("command")
	given, _ := p.section.get("environment")
	const number = "(process_num)"
	count, kinds := min(max(p.numprocs, 1), maxProcesses), 1
	if strings.Contains(command.value, number) || strings.Contains(given.value, number) {
		kinds = count
	}
	var out []process
	places := map[[sha256.Size]byte]int{}
	for i := range kinds {
		of, err := c.process(p, command, p.start+i)
		if err != nil {
			return nil, err
		}
		key := of.key()
		alike, ok := places[key]
		if !ok {
			alike = len(out)
			places[key] = alike
			out = append(out, of)
		}
		out[alike].numbers = append(out[alike].numbers, p.start+i)
	}
	for i := kinds; i < count; i++ {
		out[0].numbers = append(out[0].numbers, p.start+i)
	}
	return out, nil
}

// variableSteps is the number of steps that a variable of a process costs. It is parsed,
// compared, and copied for the command and for the pool.
const variableSteps = 4

// process returns the process of a program with a number.
func (c *configuration) process(p *program, command setting, number int) (process, error) {
	expansions := c.expansions(p, number)
	variables, err := c.variables(p, expansions)
	if err != nil {
		return process{}, err
	}
	if err := c.left.Steps(len(c.environment) + variableSteps*len(variables)); err != nil {
		return process{}, fmt.Errorf("%s: environment: %w", command.line, err)
	}
	expansions.environment = with(expansions.environment, variables)
	text, err := expansions.expand(command.value)
	if err != nil {
		return process{}, fmt.Errorf("%s: command: %w", command.line, err)
	}
	return process{command: text, environment: variables}, nil
}

// key returns a hash that is the same for processes with the same command and
// environment.
func (o process) key() [sha256.Size]byte {
	hash := sha256.New()
	write := func(text string) { _, _ = fmt.Fprintf(hash, "%d:%s", len(text), text) } // a hash never fails
	write(o.command)
	for _, v := range o.environment {
		write(v.name)
		write(v.value)
	}
	return [sha256.Size]byte(hash.Sum(nil))
}

// variables returns the environment that a process gets from supervisord and from its
// program.
func (c *configuration) variables(p *program, expansions expansions) ([]variable, error) {
	given, ok := p.section.get("environment")
	if !ok {
		return c.shared, nil
	}
	text, err := expansions.expand(given.value)
	if err != nil {
		return nil, fmt.Errorf("%s: environment: %w", given.line, err)
	}
	own, err := c.parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: environment: %w", given.line, err)
	}
	own = latest(own)
	names := make(map[string]bool, len(own))
	for _, v := range own {
		names[v.name] = true
	}
	shared := slices.DeleteFunc(slices.Clone(c.shared), func(v variable) bool { return names[v.name] })
	return append(shared, own...), nil
}

// parse parses an environment. It pays for the words, which take several times as much
// memory as the text.
func (c *configuration) parse(text string) ([]variable, error) {
	const wordSize = 8
	if err := c.left.Bytes(wordSize * len(text)); err != nil {
		return nil, err
	}
	return environment(text)
}

func with(known map[string]string, variables []variable) map[string]string {
	out := map[string]string{}
	maps.Copy(out, known)
	for _, v := range variables {
		out[v.name] = v.value
	}
	return out
}

// worker finds the queue worker in a process's command.
func (c *configuration) worker(p *program, of process) (artisan.Worker, error) {
	directory := ""
	if given, ok := p.section.get("directory"); ok {
		expanded, err := c.expansions(p, of.numbers[0]).expand(given.value)
		if err != nil {
			return artisan.Worker{}, fmt.Errorf("%s: directory: %w", given.line, err)
		}
		directory = expanded
	}
	// A shell also has supervisord's own environment.
	if err := c.left.Steps(len(c.environment) + len(of.environment)); err != nil {
		return artisan.Worker{}, err
	}
	variables := with(c.environment, of.environment)
	known := make([]artisan.Variable, 0, len(variables))
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		known = append(known, artisan.Variable{Name: name, Value: variables[name]})
	}
	return artisan.Parse(of.command, directory, known, c.left)
}
