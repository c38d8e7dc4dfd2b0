// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"queueworker.dev/queueworker/console/doctor"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/wording"
)

// Finding is the result of one check, in words.
type Finding struct {
	// Level says how bad the finding is, Tone how to show that.
	Level string
	Tone  view.Tone
	// About names the object, Check the part of it that was checked.
	About, Check string
	// Cause is what was found, Cure what to do about it; Cure is empty if nothing needs
	// to be done.
	Cause, Cure string
}

// tones maps the level of a finding to its tone.
var tones = map[doctor.Level]view.Tone{
	doctor.Wrong: view.Bad, doctor.Warning: view.Doubtful, doctor.Unchecked: view.Faint, doctor.Fine: view.Good,
}

// Words puts findings into words. explain does so for an error.
func Words(findings []doctor.Finding, explain func(error) string) []Finding {
	out := make([]Finding, 0, len(findings))
	for _, f := range findings {
		out = append(out, Finding{
			Level: string(f.Level), Tone: tones[f.Level], About: wording.Subject(f.About), Check: f.Check,
			Cause: wording.Cause(f.Cause, explain), Cure: wording.Advice(f.Cure),
		})
	}
	return out
}

// Findings returns findings as a table, and as a document for programs.
func Findings(findings []Finding) Listing {
	list := &unstructured.UnstructuredList{Items: []unstructured.Unstructured{}}
	list.SetGroupVersionKind(Group.WithKind("FindingList"))
	listing := Listing{Object: list, Names: []string{}}
	for _, name := range []string{"Level", "About", "Check", "Cause", "Cure"} {
		listing.Columns = append(listing.Columns, Column{Name: name})
	}
	for _, f := range findings {
		listing.Names = append(listing.Names, f.About+": "+f.Check)
		listing.Rows = append(listing.Rows, []string{f.Level, f.About, f.Check, f.Cause, or(f.Cure)})
		item := unstructured.Unstructured{Object: map[string]any{
			"level": f.Level, "about": f.About, "check": f.Check, "cause": f.Cause, "cure": f.Cure,
		}}
		item.SetGroupVersionKind(Group.WithKind("Finding"))
		list.Items = append(list.Items, item)
	}
	return listing
}

// FindingsText returns findings as text for people: first the cause, then the cure.
func FindingsText(findings []Finding, paint Paint) string {
	marks := map[view.Tone]string{view.Good: "✔", view.Doubtful: "!", view.Bad: "✘", view.Faint: "?"}
	var out strings.Builder
	for _, f := range findings {
		out.WriteString(paint.in(f.Tone, marks[f.Tone]+" "+view.Clean(f.About)+": "+view.Clean(f.Check)) + "\n")
		out.WriteString("    " + view.Clean(f.Cause) + "\n")
		if f.Cure != "" {
			out.WriteString("  → " + view.Clean(f.Cure) + "\n")
		}
	}
	return out.String()
}
