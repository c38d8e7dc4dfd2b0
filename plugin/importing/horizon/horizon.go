// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package horizon reads config/horizon.php of a Laravel application, as far as possible
// without running it, and makes QueueWorkers from the supervisors of one environment. It
// merges their options as Horizon does: the environment's options override the defaults.
package horizon

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/importing/budget"
	"queueworker.dev/queueworker/plugin/importing/manifest"
	"queueworker.dev/queueworker/plugin/importing/phpvalue"
)

// Input is the input of an import.
type Input struct {
	// File is the name of the file, and Source its content.
	File   string
	Source []byte
	// Environment is the environment whose supervisors are imported.
	Environment string
	// Variables are the variables that env() knows.
	Variables map[string]string
}

// configuration is a file that is being read.
type configuration struct {
	in     Input
	left   *budget.Budget
	notes  []manifest.Note
	placed []manifest.Placement
}

// Import reads the file.
func Import(in Input) (manifest.Draft, error) {
	if len(in.Source) > manifest.MaxFileSize {
		return manifest.Draft{}, fmt.Errorf("%s has more than %d bytes, which no configuration has; is it the right file?", in.File, manifest.MaxFileSize)
	}
	c := &configuration{in: in, left: budget.New()}
	root, err := phpvalue.Read(in.Source, in.Variables, c.left)
	var syntax *phpvalue.SyntaxError
	var bound *phpvalue.BoundError
	switch {
	case errors.As(err, &bound):
		return manifest.Draft{}, fmt.Errorf("%s: %w", c.at(bound.Line), bound.Err)
	case errors.As(err, &syntax):
		return manifest.Draft{}, fmt.Errorf("%s: %s", c.at(syntax.Line), syntax.Message)
	case err != nil:
		return manifest.Draft{}, fmt.Errorf("%s: %w", in.File, err)
	case root.Kind != phpvalue.List:
		return manifest.Draft{}, fmt.Errorf("%s: the file does not return an array that can be read: %s", c.at(root.Line), why(root))
	}
	c.told(root, "the file")
	if err := c.supervisors(root.Array); err != nil {
		return manifest.Draft{}, err
	}
	c.others(root.Array)
	if err := c.left.Err(); err != nil {
		return manifest.Draft{}, fmt.Errorf("%s: %w", in.File, err)
	}
	return manifest.Draft{
		Origin: fmt.Sprintf("Imported from the environment %s of %s by kubectl queueworker import horizon.", in.Environment, in.File),
		Driver: v1alpha1.DriverRedis, // Horizon supports only Redis
		Notes:  c.notes,
		Pools:  c.placed,
	}, nil
}

func (c *configuration) at(line int) manifest.Line {
	return manifest.Line{File: c.in.File, Number: line}
}

func (c *configuration) note(line int, warning bool, subject, why string) {
	if c.left.Steps(1) == nil && c.left.Bytes(len(subject)+len(why)) == nil {
		c.notes = append(c.notes, manifest.Note{Line: c.at(line), Subject: subject, Why: why, Warning: warning})
	}
}

// why says why a value is not the array that was expected.
func why(v phpvalue.Value) string {
	if v.Kind == phpvalue.Unknown {
		return v.Why
	}
	return "it is no array"
}

func key(name string) phpvalue.Key { return phpvalue.TextKey(name) }

// supervisors makes pools from the supervisors of the environment.
func (c *configuration) supervisors(root *phpvalue.Array) error {
	environments, ok := root.Get(key("environments"))
	switch {
	case !ok:
		return fmt.Errorf("%s has no environments; is it config/horizon.php?", c.in.File)
	case environments.Kind != phpvalue.List:
		return fmt.Errorf("%s: environments cannot be read: %s", c.at(environments.Line), why(environments))
	}
	c.told(environments, "environments")
	name, plan, err := c.choose(environments.Array)
	if err != nil {
		return err
	}
	c.told(plan, "environments."+name)
	defaults := c.defaults(root)
	merged, err := phpvalue.ReplaceRecursive(defaults, plan.Array, c.left)
	if err != nil {
		return fmt.Errorf("%s: %w", c.at(plan.Line), err)
	}
	for _, item := range merged.Items {
		if item.Value.Kind != phpvalue.List {
			c.note(item.Value.Line, true, item.Key.String(), "the supervisor is left out: "+why(item.Value))
			continue
		}
		s := &supervisor{configuration: c, name: item.Key.String(), value: item.Value}
		s.mergedLists(defaults, plan.Array)
		if err := s.convert(); err != nil {
			return err
		}
		if err := c.left.Err(); err != nil {
			return fmt.Errorf("%s: %w", c.at(item.Value.Line), err)
		}
	}
	return nil
}

// told notes what is assumed or unknown about an array.
func (c *configuration) told(value phpvalue.Value, subject string) {
	for _, assumed := range value.Assumed {
		c.note(value.Line, false, subject, assumed)
	}
	if value.Array != nil {
		for _, gap := range value.Array.Gaps {
			c.note(value.Line, true, subject, gap)
		}
	}
}

// choose finds the supervisors of the environment: the first entry whose name matches,
// where the name may contain *.
func (c *configuration) choose(environments *phpvalue.Array) (string, phpvalue.Value, error) {
	names := make([]string, 0, len(environments.Items))
	chosen := -1
	for i, item := range environments.Items {
		names = append(names, item.Key.String())
		if chosen < 0 && fits(item.Key.String(), c.in.Environment) {
			chosen = i
		}
	}
	if chosen < 0 {
		return "", phpvalue.Value{}, fmt.Errorf("%s has no environment %s. It has %s; choose one with --environment",
			c.in.File, c.in.Environment, strings.Join(names, ", "))
	}
	item := environments.Items[chosen]
	if item.Value.Kind != phpvalue.List {
		return "", phpvalue.Value{}, fmt.Errorf("%s: the environment %s cannot be read: %s", c.at(item.Value.Line), item.Key, why(item.Value))
	}
	for i, other := range environments.Items {
		if i != chosen {
			c.note(other.Value.Line, false, "environments."+other.Key.String(), "it is not imported; choose it with --environment="+other.Key.String())
		}
	}
	return item.Key.String(), item.Value, nil
}

// fits implements Laravel's Str::is: * matches any text.
func fits(pattern, name string) bool {
	piece, rest, more := strings.Cut(pattern, "*")
	if !more {
		return pattern == name
	}
	name, ok := strings.CutPrefix(name, piece)
	for ok {
		if piece, rest, more = strings.Cut(rest, "*"); !more {
			return strings.HasSuffix(name, piece)
		}
		_, name, ok = strings.Cut(name, piece)
	}
	return false
}

// defaults returns the options of the supervisors in every environment.
func (c *configuration) defaults(root *phpvalue.Array) *phpvalue.Array {
	value, ok := root.Get(key("defaults"))
	if !ok || value.Kind == phpvalue.Null {
		return &phpvalue.Array{}
	}
	if value.Kind != phpvalue.List {
		c.note(value.Line, true, "defaults", "they cannot be read, so none count: "+why(value))
		return &phpvalue.Array{}
	}
	c.told(value, "defaults")
	return value.Array
}

// otherKeys says what became of the rest of the file.
var otherKeys = map[string]string{
	"name":             "it is the dashboard's",
	"domain":           "it is the dashboard's",
	"path":             "it is the dashboard's",
	"proxy_path":       "it is the dashboard's",
	"middleware":       "it is the dashboard's",
	"use":              "Horizon keeps its own figures there; workers do not",
	"prefix":           "Horizon keeps its own figures there; workers do not",
	"waits":            "QueueWorker sends no message about a long wait; autoscaling aims at targetWait",
	"trim":             "Horizon keeps records of jobs for this time; the status of a QueueWorker has figures, not jobs",
	"silenced":         "jobs are not listed one by one",
	"silenced_tags":    "jobs are not listed one by one",
	"metrics":          "the operator and the agents serve metrics for Prometheus",
	"fast_termination": "a pod that is deleted finishes its jobs first, while the new pod already runs",
	"memory_limit":     "it is about Horizon's own process, which does not run here",
	"watch":            "it is for development",
}

func (c *configuration) others(root *phpvalue.Array) {
	for _, item := range root.Items {
		name := item.Key.String()
		if name == "environments" || name == "defaults" {
			continue
		}
		reason, known := otherKeys[name]
		if !known {
			reason = "it is not about workers"
		}
		c.note(item.Value.Line, false, name, reason)
	}
}

// texts returns the values of a list of texts, or of a text with commas. unknown says why
// a value is unknown.
func (c *configuration) texts(value phpvalue.Value) (found, unknown []string) {
	if value.Kind != phpvalue.List {
		given, ok := value.AsText()
		if !ok {
			return nil, []string{value.Why}
		}
		return c.split(given), nil
	}
	for _, item := range value.Array.Items {
		given, ok := item.Value.AsText()
		if !ok {
			unknown = append(unknown, why(item.Value))
			continue
		}
		found = append(found, c.split(given)...)
	}
	return found, append(unknown, value.Array.Gaps...)
}

// split splits a list at its commas. It returns nothing if the budget is spent.
func (c *configuration) split(list string) []string {
	if c.left.Steps(strings.Count(list, ",")+1) != nil || c.left.Bytes(len(list)) != nil {
		return nil
	}
	return slices.DeleteFunc(strings.Split(list, ","), func(s string) bool { return strings.TrimSpace(s) == "" })
}
