// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestNotesInWords(t *testing.T) {
	tests := map[string]struct {
		note Note
		want string
	}{
		"a line":      {Note{Line: Line{"a.conf", 3}, Subject: "user=forge", Why: "images have users"}, "a.conf line 3: user=forge: images have users"},
		"no line":     {Note{Line: Line{File: "to complete"}, Subject: "env", Why: "give it"}, "to complete: env: give it"},
		"no subject":  {Note{Line: Line{"a.conf", 3}, Why: "it is left out"}, "a.conf line 3: it is left out"},
		"a warning":   {Note{Line: Line{"a.conf", 1}, Subject: "x", Why: "y", Warning: true}, "a.conf line 1: x: y"},
		"in one file": {Note{Line: Line{"a.conf", 3}.inOneFile(), Subject: "x", Why: "y"}, "line 3: x: y"},
		"of no file":  {Note{Line: Line{File: "to complete"}.inOneFile(), Why: "y"}, "to complete: y"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tc.note.String(); got != tc.want {
				t.Errorf("says %q, want %q", got, tc.want)
			}
		})
	}
}

// drawNotes draws notes of a few lines, so that many are the same or of the same line.
func drawNotes(t *rapid.T, label string) []Note {
	var out []Note
	for range rapid.IntRange(0, 8).Draw(t, label) {
		out = append(out, Note{
			Line:    Line{rapid.SampledFrom([]string{"a.conf", "b.conf", "to complete"}).Draw(t, "file"), rapid.IntRange(0, 11).Draw(t, "line")},
			Why:     rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "why"),
			Warning: rapid.Bool().Draw(t, "warning"),
		})
	}
	return out
}

// TestNotesAreSortedAndComplete: every note is there, once, in the order of the lines.
// Notes of one line stay in their order.
func TestNotesAreSortedAndComplete(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		notes := drawNotes(t, "notes")
		before := slices.Clone(notes)
		got := sorted(notes)
		if diff := cmp.Diff(before, notes); diff != "" {
			t.Fatalf("the notes themselves were sorted (-before +after):\n%s", diff)
		}
		for _, n := range notes {
			if count(got, n) != 1 {
				t.Fatalf("%v is there %d times in %v", n, count(got, n), got)
			}
		}
		for i := 1; i < len(got); i++ {
			a, b := got[i-1], got[i]
			switch {
			case a.Line.File > b.Line.File, a.Line.File == b.Line.File && a.Line.Number > b.Line.Number:
				t.Fatalf("%v comes before %v", a, b)
			case a.Line == b.Line && slices.Index(notes, a) > slices.Index(notes, b):
				t.Fatalf("%v comes before %v, which was there earlier", a, b)
			}
		}
		for _, n := range got {
			if !slices.Contains(notes, n) {
				t.Fatalf("%v was not there", n)
			}
		}
	})
}

func count(notes []Note, of Note) int {
	n := 0
	for _, note := range notes {
		if note == of {
			n++
		}
	}
	return n
}

// TestWarningsAreFoundEverywhere: of the import, its QueueApps and its pools, exactly the
// warnings are returned, and the result stays as it is.
func TestWarningsAreFoundEverywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		result := Result{Notes: drawNotes(t, "notes")}
		all, files := slices.Clone(result.Notes), map[string]bool{}
		for range rapid.IntRange(0, 3).Draw(t, "apps") {
			app := App{Notes: drawNotes(t, "ofApp")}
			all = append(all, app.Notes...)
			for range rapid.IntRange(0, 3).Draw(t, "pools") {
				pool := Pool{Notes: drawNotes(t, "ofPool")}
				all = append(all, pool.Notes...)
				app.Pools = append(app.Pools, pool)
			}
			result.Apps = append(result.Apps, app)
		}
		before := fmt.Sprint(result)
		got := result.Warnings()
		want := map[Note]bool{}
		for _, n := range all {
			if n.Warning {
				want[n] = true
			}
			if n.Line.Number > 0 {
				files[n.Line.File] = true
			}
		}
		if len(got) != len(want) || slices.ContainsFunc(got, func(n Note) bool { return !want[n] }) {
			t.Fatalf("the warnings are %v, want %v", got, want)
		}
		if after := fmt.Sprint(result); after != before {
			t.Fatalf("the result changed from %s to %s", before, after)
		}
		if result.files() != len(files) {
			t.Fatalf("%d files, want %v", result.files(), files)
		}
	})
}
