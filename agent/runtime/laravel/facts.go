// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package laravel

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"queueworker.dev/queueworker/agent/dialect"
)

// Facts describe the installed worker program.
type Facts struct {
	// Known is set if the questions were answered.
	Known bool
	// Pcntl is set if PHP has the extension, so that the worker handles SIGTERM and enforces
	// its timeout.
	Pcntl bool
	// Options are the long options of queue:work, without dashes, sorted.
	Options []string
	// Version is the framework's version, such as 8.83.26, or empty if it is unknown.
	Version string
	// ShellWrapped is set if the wrapper is a shell that does not pass signals on.
	ShellWrapped bool
}

// Has reports whether queue:work has an option.
func (f Facts) Has(option string) bool {
	_, found := slices.BinarySearch(f.Options, option)
	return found
}

// Dialect returns the output format of the worker: JSON, Text or Brackets. No other
// dialect is Laravel's, so the switches over it in this package name no others.
func (f Facts) Dialect() dialect.Name {
	switch {
	case f.Has("json"):
		return dialect.JSON
	case newText(f.Version):
		return dialect.Text
	}
	return dialect.Brackets
}

var versionParts = regexp.MustCompile(`^(\d+)\.(\d+)`)

// newText reports whether a version prints the text lines introduced in 9.21.
func newText(version string) bool {
	parts := versionParts.FindStringSubmatch(version)
	if parts == nil {
		return false
	}
	major, minor := number(parts[1]), number(parts[2])
	return major > 9 || major == 9 && minor >= 21
}

func number(digits string) int {
	n := 0
	for _, d := range digits {
		n = min(n*10+int(d-'0'), 1<<20)
	}
	return n
}

// Answer is the output of one question and how its command ended.
type Answer struct {
	Output string
	Code   int
	// Err is why the question could not be asked or got no answer in time.
	Err error
}

func (a Answer) good() bool { return a.Err == nil && a.Code == 0 }

// Answers are the answers to the three questions.
type Answers struct {
	Modules, Help, Version Answer
}

// Questions returns the commands to run, in the order modules, help, version.
func Questions(wrapper []string) [3][]string {
	ask := func(arguments ...string) []string { return slices.Concat(wrapper, arguments) }
	return [3][]string{
		ask("php", "-m"),
		ask("php", "artisan", "queue:work", "--help", "--no-ansi", "--no-interaction"),
		ask("php", "artisan", "--version", "--no-ansi", "--no-interaction"),
	}
}

var (
	helpOption  = regexp.MustCompile(`(?m)^\s+(?:-\w(?:\|\w+)*, )?\s*--([a-z][a-z-]*)`)
	versionLine = regexp.MustCompile(`(?i)framework.*?\s+v?(\d+\.\d+[0-9A-Za-z.+-]*)`)
)

// Read derives facts from answers. Modules and help must be answered; the version may
// remain unknown.
func Read(answers Answers, wrapper []string) Facts {
	facts := Facts{
		Known:        answers.Modules.good() && answers.Help.good(),
		ShellWrapped: shellWrapped(wrapper),
	}
	for line := range strings.Lines(answers.Modules.Output) {
		facts.Pcntl = facts.Pcntl || strings.TrimSpace(line) == "pcntl"
	}
	for _, match := range helpOption.FindAllStringSubmatch(answers.Help.Output, -1) {
		facts.Options = append(facts.Options, match[1])
	}
	slices.Sort(facts.Options)
	facts.Options = slices.Compact(facts.Options)
	facts.Known = facts.Known && facts.Has("queue")
	if match := versionLine.FindStringSubmatch(answers.Version.Output); match != nil && answers.Version.good() {
		facts.Version = match[1]
	}
	return facts
}

// shells are programs that do not pass a signal on to the command they run.
var shells = []string{"sh", "dash", "bash", "ash", "zsh", "ksh", "busybox"}

// shellWrapped reports whether a wrapper runs a script given in its arguments that does
// not replace the shell with the worker.
func shellWrapped(wrapper []string) bool {
	for i, word := range wrapper {
		if !slices.Contains(shells, path.Base(word)) {
			continue
		}
		for j, flag := range wrapper[i+1:] {
			if strings.HasPrefix(flag, "-") && strings.HasSuffix(flag, "c") && i+j+2 < len(wrapper) {
				return !strings.Contains(wrapper[i+j+2], "exec ")
			}
		}
	}
	return false
}
