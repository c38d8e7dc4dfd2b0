// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package oneoff

import (
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTail(t *testing.T) {
	for name, tc := range map[string]struct {
		pieces []string
		want   string
	}{
		"nothing":                       {nil, ""},
		"lines in pieces":               {[]string{"on", "e\ntw", "o\n"}, "one\ntwo"},
		"a line without an end":         {[]string{"one\ntwo"}, "one\ntwo"},
		"empty lines":                   {[]string{"\n\n one\n   \n\n"}, " one"},
		"colours":                       {[]string{"\x1b[32mFailed job deleted\x1b[39m\x1b[0m\n"}, "Failed job deleted"},
		"an escape cut in two":          {[]string{"\x1b[3", "2mgreen\n"}, "green"},
		"a bar drawn over in place":     {[]string{" 1/3 [=>  ]\r 2/3 [==> ]\r 3/3 [===>]\r\n"}, " 3/3 [===>]"},
		"bells and other bytes":         {[]string{"a\x07b\x00c\xffd\n"}, "abc\uFFFDd"},
		"a letter cut in two":           {[]string{"\xc3", "\xbc\n"}, "ü"},
		"a line of megabytes":           {[]string{strings.Repeat("x", 5<<20), "\nnext\n"}, strings.Repeat("x", maxLine) + "\nnext"},
		"only the last lines are kept":  {[]string{strings.Repeat("0123456789\n", 1000)}, strings.TrimSuffix(strings.Repeat("0123456789\n", 186), "\n")},
		"marks that turn the direction": {[]string{"\u202eabc\n"}, "abc"},
	} {
		t.Run(name, func(t *testing.T) {
			tail := NewTail(2048, func(string) {})
			stream := tail.Stream()
			for _, piece := range tc.pieces {
				if n, err := stream.Write([]byte(piece)); n != len(piece) || err != nil {
					t.Errorf("Write() is %d, %v", n, err)
				}
			}
			stream.End()
			if got := tail.Text(); got != tc.want {
				t.Errorf("kept %.80q (%d bytes), want %.80q (%d bytes)", got, len(got), tc.want, len(tc.want))
			}
		})
	}
}

// TestTailKeepsWhatATraceIsOf checks that a logged trace loses its farthest frames.
func TestTailKeepsWhatATraceIsOf(t *testing.T) {
	tail := NewTail(200, func(string) {})
	stream := tail.Stream()
	write := func(line string) { _, _ = stream.Write([]byte(line + "\n")) }
	write(strings.Repeat("an old line\n", 3) + "boom\n[stacktrace]")
	for i := range 100 {
		write("#" + strconv.Itoa(i) + " /app/Worker.php(7): run()")
	}
	write("\"}")
	text := tail.Text()
	for _, want := range []string{"boom\n[stacktrace]\n#0 ", "\"}"} {
		if !strings.Contains(text, want) {
			t.Errorf("lacks %q: %q", want, text)
		}
	}
	if write(strings.Repeat("a later line\n", 20)); strings.Contains(tail.Text(), "boom") {
		t.Errorf("what came later did not push it out: %q", tail.Text())
	}
}

func FuzzTail(f *testing.F) {
	f.Add([]byte("one\ntwo\x1b[31m\r\xff"), 3)
	f.Fuzz(func(t *testing.T, output []byte, cut int) {
		const limit = 100
		tail := NewTail(limit, func(line string) {
			if strings.ContainsAny(line, "\n\x1b") {
				t.Errorf("a line is %q", line)
			}
		})
		stream := tail.Stream()
		cut = max(0, min(cut, len(output)))
		_, _ = stream.Write(output[:cut])
		_, _ = stream.Write(output[cut:])
		stream.End()
		if text := tail.Text(); len(text) > limit || !utf8.ValidString(text) {
			t.Errorf("kept %d bytes, valid UTF-8: %t", len(text), utf8.ValidString(text))
		}
	})
}
