// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"regexp"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"

	"queueworker.dev/queueworker/api/printable"
)

// colour matches the colours that the plugin itself writes: in package render, in the pod
// names before log lines, and in the API server's warnings. No other control sequence
// reaches a terminal, wherever it comes from: a log, a message or a name.
var colour = regexp.MustCompile(`^\x1b\[(0|1|2|3[1-6]|9[2-6]|33;1)m$`)

// guarded is a terminal behind a Filter: whatever the plugin writes to it is filtered in
// this one place.
type guarded struct {
	*printable.Filter
	terminal io.Writer
}

// guard returns a writer for commands to print to. It returns a writer that is no
// terminal unchanged, so that a program that reads the output gets the same bytes.
func guard(out io.Writer) io.Writer {
	if !printers.IsTerminal(out) {
		return out
	}
	return NewGuarded(out)
}

// NewGuarded returns a writer that filters what goes to a terminal.
func NewGuarded(terminal io.Writer) io.Writer {
	return &guarded{Filter: printable.NewFilter(terminal, colour.MatchString), terminal: terminal}
}

// Tame filters a picture before it is drawn on a terminal; its colours stay.
func Tame(picture string) string {
	var out strings.Builder
	filter := printable.NewFilter(&out, colour.MatchString)
	_, _ = io.WriteString(filter, picture) // a strings.Builder never fails
	_ = filter.Close()
	return out.String()
}
