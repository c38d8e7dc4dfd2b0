// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package manifest is the result of an import of a foreign configuration: QueueApps and
// QueueWorkers, with a note for every line that could not be carried over. It also writes
// them as YAML.
package manifest

import (
	"cmp"
	"fmt"
	"slices"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// MaxFileSize is the maximum number of bytes in a file; a larger file is no
// configuration.
const MaxFileSize = 1 << 20

// Line is a place in an imported file.
type Line struct {
	File   string
	Number int
}

func (l Line) String() string {
	if l.Number == 0 {
		return l.File
	}
	return fmt.Sprintf("%s line %d", l.File, l.Number)
}

// inOneFile returns the place without the file's name, for notes about a single file.
func (l Line) inOneFile() Line {
	if l.Number == 0 {
		return l
	}
	return Line{File: fmt.Sprintf("line %d", l.Number)}
}

// Note says what became of a line that could not be carried over unchanged.
type Note struct {
	// Line is the place of the line; its Number is 0 if the note is about no single line.
	Line Line
	// Subject is the line, or the part of it that the note is about.
	Subject string
	// Why is a clause that gives the reason, and what to do instead.
	Why string
	// Warning is true if workers may behave differently from before, so that a user
	// should read the note now.
	Warning bool
}

// Text returns the note as a sentence, without its place.
func (n Note) Text() string {
	if n.Subject == "" {
		return n.Why
	}
	return n.Subject + ": " + n.Why
}

func (n Note) String() string { return n.Line.String() + ": " + n.Text() }

// Pool is a QueueWorker that the import will write.
type Pool struct {
	Name string
	// Origin says where the pool comes from.
	Origin string
	Labels map[string]string
	Spec   v1alpha1.QueueWorkerSpec
	Notes  []Note
}

// App is a QueueApp that the import will write, with its pools.
type App struct {
	Name   string
	Origin string
	Spec   v1alpha1.QueueAppSpec
	Notes  []Note
	Pools  []Pool
}

// Result is the result of importing the files.
type Result struct {
	// Origin says what was imported.
	Origin string
	// Notes are about lines that belong to no QueueApp or QueueWorker.
	Notes []Note
	Apps  []App
	// Namespace is the namespace of the objects; empty leaves it to kubectl apply.
	Namespace string
}

// files returns how many files the notes are about.
func (r Result) files() int {
	files := map[string]bool{}
	for _, note := range r.all() {
		if note.Line.Number > 0 {
			files[note.Line.File] = true
		}
	}
	return len(files)
}

// Pools returns how many QueueWorkers there are.
func (r Result) Pools() int {
	n := 0
	for _, app := range r.Apps {
		n += len(app.Pools)
	}
	return n
}

// Warnings returns the notes that a user should read now, in the order of the files.
func (r Result) Warnings() []Note {
	return sorted(slices.DeleteFunc(r.all(), func(n Note) bool { return !n.Warning }))
}

func (r Result) all() []Note {
	all := slices.Clone(r.Notes)
	for _, app := range r.Apps {
		all = append(all, app.Notes...)
		for _, pool := range app.Pools {
			all = append(all, pool.Notes...)
		}
	}
	return all
}

// sorted returns the notes in the order of their lines, each note once.
func sorted(notes []Note) []Note {
	seen := map[Note]bool{}
	out := slices.DeleteFunc(slices.Clone(notes), func(n Note) bool {
		again := seen[n]
		seen[n] = true
		return again
	})
	slices.SortStableFunc(out, func(a, b Note) int {
		return cmp.Or(cmp.Compare(a.Line.File, b.Line.File), cmp.Compare(a.Line.Number, b.Line.Number))
	})
	return out
}
