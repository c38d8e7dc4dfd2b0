// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"queueworker.dev/queueworker/console/podlog"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/render"
)

// hostile is a line that fills the clipboard, sets the title, clears the screen, and is
// displayed from right to left.
const hostile = "ok\x1b]52;c;ZXZpbA==\x07\x1b]0;title\x1b\\\x1b[2J\u009b1A\x1b[31m \u202ered\r"

// TestLogsOnATerminal: a line loses its control sequences only where a terminal would
// obey them.
func TestLogsOnATerminal(t *testing.T) {
	tests := map[string]struct {
		terminal, raw bool
		want          string
	}{
		"a terminal":            {true, false, "ok red\n"},
		"a terminal, raw":       {true, true, hostile + "\n"},
		"a pipe or a file":      {false, false, hostile + "\n"},
		"a pipe or a file, raw": {false, true, hostile + "\n"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			deps := &cli.Deps{Streams: genericiooptions.IOStreams{Out: &out, ErrOut: &out}}
			if tc.terminal {
				deps.Streams.Out = cli.NewGuarded(&out)
			}
			c := &logsCommand{deps: deps, raw: tc.raw, noPrefix: true}
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "emails-worker-a"}}
			if err := c.show(podlog.Line{Pod: pod, Text: hostile}); err != nil {
				t.Fatal(err)
			}
			if out.String() != tc.want {
				t.Errorf("got %q, want %q", out.String(), tc.want)
			}
		})
	}
}

// TestTheGuardFiltersWhateverIsPrinted: a sequence that a command did not clean does not
// reach the terminal, but the plugin's own colours do.
func TestTheGuardFiltersWhateverIsPrinted(t *testing.T) {
	var terminal bytes.Buffer
	out := cli.NewGuarded(&terminal)
	for _, tone := range []view.Tone{view.Good, view.Doubtful, view.Bad, view.Faint, view.Strong} {
		fmt.Fprint(out, render.Colours(tone, "x"))
	}
	c := &logsCommand{deps: &cli.Deps{}}
	fmt.Fprintln(out, c.prefix("emails-worker-a")+hostile)
	fmt.Fprint(out, "half \x1b]0;ti")
	fmt.Fprint(out, "tle\x07 done\n")
	const want = "\x1b[32mx\x1b[0m\x1b[33mx\x1b[0m\x1b[31mx\x1b[0m\x1b[2mx\x1b[0m\x1b[1mx\x1b[0m" +
		"emails-worker-a | ok\x1b[31m red\nhalf  done\n"
	if terminal.String() != want {
		t.Errorf("got  %q\nwant %q", terminal.String(), want)
	}
}
