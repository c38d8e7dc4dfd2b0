// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package runtimes is the table of runtimes: what a QueueApp must say for each, what its
// workers tell, and which commands it has. The operator, the agent, the backlog probe and
// the user interfaces ask this table, so none of them compares the name of a runtime.
//
// What the agent does for a runtime is a package of agent/runtime. Where a runtime keeps
// its jobs is a package of backlog/layout.
package runtimes

import (
	"cmp"
	"maps"
	"slices"
)

// Name is the name of a runtime, as in spec.runtime of a QueueApp.
type Name string

// The runtimes.
const (
	Laravel Name = "Laravel"
	Custom  Name = "Custom"
)

// Default is the runtime of a QueueApp that names none.
const Default = Laravel

// Traits are the facts about a runtime that hold for every worker of it.
type Traits struct {
	Name Name
	// Known is set for every runtime of the table.
	Known bool
	// OwnCommand is set if the command and args of the container are the worker program.
	// Otherwise the agent builds the arguments, args are refused, and the command is a
	// wrapper in front of them.
	OwnCommand bool
	// HeapLimit is set if the worker checks spec.memory itself between two jobs, and its
	// language limits the heap above that. Otherwise the agent replaces a process that
	// uses more than spec.memory.
	HeapLimit bool
	// TellsStarts is set if every worker prints a line when it begins a job. Otherwise
	// the patterns of the QueueApp decide.
	TellsStarts bool
	// Actions are the actions of a QueueCommand that the agent carries out with the
	// runtime's own commands, as in spec.action.
	Actions []string
	// ListsFailed is set if the backlog probe can list the jobs that failed for good.
	ListsFailed bool
}

// table has the traits of every runtime.
var table = map[Name]Traits{
	Laravel: {
		HeapLimit: true, TellsStarts: true, ListsFailed: true,
		Actions: []string{"RetryFailed", "ForgetFailed", "FlushFailed", "ClearQueue", "Once"},
	},
	Custom: {OwnCommand: true},
}

// Of returns the traits of the runtime of this name, or of the default runtime if the
// name is empty. For a name that is not in the table it returns the name alone.
func Of[T ~string](name T) Traits {
	wanted := cmp.Or(Name(name), Default)
	traits, known := table[wanted]
	traits.Name, traits.Known = wanted, known
	return traits
}

// Names returns the names of all runtimes: the default first, then by name.
func Names() []Name {
	names := slices.Sorted(maps.Keys(table))
	at := slices.Index(names, Default)
	return slices.Concat([]Name{Default}, slices.Delete(names, at, at+1))
}

// Does reports whether the agent can carry out an action of a QueueCommand.
func (t Traits) Does(action string) bool { return slices.Contains(t.Actions, action) }
