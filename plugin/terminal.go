// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"io"
	"regexp"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"

	"queueworker.dev/queueworker/api/printable"
)

// colour matches the colours that the plugin itself writes: in package view, in the pod
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
	return newGuarded(out)
}

func newGuarded(terminal io.Writer) *guarded {
	return &guarded{Filter: printable.NewFilter(terminal, colour.MatchString), terminal: terminal}
}

// guards reports whether standard output is a terminal whose text is filtered.
func (d *Deps) guards() bool {
	_, is := d.Streams.Out.(*guarded)
	return is
}

// screen returns unfiltered standard output. It serves the live picture, which moves the
// cursor and filters its text with tame, and logs --raw.
func (d *Deps) screen() io.Writer {
	if out, is := d.Streams.Out.(*guarded); is {
		return out.terminal
	}
	return d.Streams.Out
}

// tame filters a picture before it is drawn on a terminal; its colours stay.
func tame(picture string) string {
	var out strings.Builder
	filter := printable.NewFilter(&out, colour.MatchString)
	_, _ = io.WriteString(filter, picture) // a strings.Builder never fails
	_ = filter.Close()
	return out.String()
}
