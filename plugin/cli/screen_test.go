// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCrop(t *testing.T) {
	tests := map[string]struct {
		picture       string
		width, height int
		want          []string
	}{
		"fits":     {"one\ntwo\n", 10, 2, []string{"one", "two"}},
		"too wide": {"\x1b[31mcoloured\x1b[0m", 5, 2, []string{"\x1b[31mcolo…\x1b[0m"}},
		"too high": {"1\n2\n3\n4", 80, 3, []string{"1", "2", "... 2 lines more than this terminal has room for"}},
		"nothing":  {"", 80, 3, []string{""}},
	}
	for name, tt := range tests {
		if diff := cmp.Diff(tt.want, crop(tt.picture, tt.width, tt.height)); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

// TestScreenWithoutTerminal: a picture is written to a file whenever it changes.
func TestScreenWithoutTerminal(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out}
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	s.show("a\n")
	s.show("a\n")
	s.trouble("The cluster does not answer.", now)
	s.trouble("The cluster does not answer.", now.Add(4*time.Second))
	s.show("b\n")
	s.close()
	want := "a\nFor 0s: The cluster does not answer.\nFor 4s: The cluster does not answer.\n\nb\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("output differs (-want +got):\n%s", diff)
	}
}

func TestScreenOnTerminal(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out, size: func() (int, int, error) { return 4, 2, nil }}
	s.show("long line\n2\n3\n")
	s.close()
	first, _, _ := strings.Cut(out.String(), clearLine)
	if want := topLeft + "lon…"; first != want {
		t.Errorf("the first line is written %q, want %q", first, want)
	}
	if want := normalScreen + "long line\n2\n3\n"; !strings.HasSuffix(out.String(), want) {
		t.Errorf("the last picture is not left behind: %q", out.String())
	}
}

// hostile is a line that fills the clipboard, sets the title, clears the screen, and is
// displayed from right to left.
const hostile = "ok\x1b]52;c;ZXZpbA==\x07\x1b]0;title\x1b\\\x1b[2J\u009b1A\x1b[31m \u202ered\r"

// TestThePictureOnATerminalIsFiltered is about status --watch and top.
func TestThePictureOnATerminalIsFiltered(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out, size: func() (int, int, error) { return 80, 24, nil }}
	s.show("\x1b[32mgood\x1b[0m " + hostile + "\n")
	if want := topLeft + "\x1b[32mgood\x1b[0m ok\x1b[31m red" + clearLine + clearBelow; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
