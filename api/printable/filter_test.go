// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package printable

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"text":                           {"Processed: App\\Jobs\\Send\n\tin 5 ms ä 漢 🎉\n", "Processed: App\\Jobs\\Send\n\tin 5 ms ä 漢 🎉\n"},
		"colours":                        {"\x1b[31mred\x1b[0m \x1b[1;38;5;9mx\x1b[m", "red x"},
		"the cursor":                     {"a\x1b[2J\x1b[H\x1b[?1049h\x1b[10;20Hb\x1b7\x1b8c", "abc"},
		"a title":                        {"a\x1b]0;title\x07b\x1b]2;title\x1b\\c", "abc"},
		"the clipboard":                  {"a\x1b]52;c;ZXZpbA==\x07b", "ab"},
		"a link":                         {"\x1b]8;;http://evil\x1b\\shop\x1b]8;;\x1b\\", "shop"},
		"device control and the rest":    {"a\x1bPq#0\x1b\\b\x1bXsos\x1b\\c\x1b^pm\x1b\\d\x1b_apc\x1b\\e", "abcde"},
		"introducers of C1":              {"a\u009b2Jb\u009d0;title\u009cc\u0090x\u009cd\u0085e", "abcd e"},
		"bytes of C1 alone":              {"a\x9b2Jb", "a\ufffd2Jb"},
		"bell, backspace, carriage":      {"a\x07b\x08c\rd\x00e\x7ff", "abcdef"},
		"a line that writes over itself": {"user: bob\rroot\n", "user: bobroot\n"},
		"marks that turn the text":       {"a\u202eb\u2066c\u200fd\u200be\ufefff", "abcdef"},
		"a character set and a reset":    {"a\x1b(0b\x1bcd\x1b#8e", "abde"},
		"a string without an end":        {"a\x1b]0;title\nnext line", "a\nnext line"},
		"a sequence without an end":      {"a\x1b[12\nnext", "a\nnext"},
		"a long sequence":                {"a\x1b[" + strings.Repeat("1;", 31) + "visible", "avisible"},
		"an escape in a sequence":        {"a\x1b[1\x1b[2Jb", "ab"},
		"an escape in a string":          {"a\x1b]0;x\x1b[2Jb", "ab"},
		"an escape at the end":           {"a\x1b", "a"},
		"spaces of other kinds":          {"a\u00a0b\u2028c", "a b c"},
		"half a character":               {"a\xe6\xbc", "a\ufffd"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := Text(tc.text); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			for at := range len(tc.text) + 1 {
				var out strings.Builder
				f := NewFilter(&out, nil)
				for _, part := range []string{tc.text[:at], tc.text[at:]} {
					if n, err := f.Write([]byte(part)); n != len(part) || err != nil {
						t.Fatalf("wrote %d bytes of %d, error %v", n, len(part), err)
					}
				}
				if err := f.Close(); err != nil || out.String() != tc.want {
					t.Errorf("split at %d: got %q, want %q (error %v)", at, out.String(), tc.want, err)
				}
			}
		})
	}
}

func TestFilterKeepsWhatItIsToldTo(t *testing.T) {
	var out strings.Builder
	f := NewFilter(&out, func(sequence string) bool { return sequence == "\x1b[31m" || sequence == "\x1b[0m" })
	for _, part := range []string{"\x1b", "[3", "1mred\x1b[0", "m \x1b[8mhid", "den\x1b[2J"} {
		if _, err := f.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if want := "\x1b[31mred\x1b[0m hidden"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{"a\x1b[2Jb", "\x1b]52;c;x\x07", "\u009b31m", "a\xe6", "\x1b[" + strings.Repeat("1", 100), "a\u202eb\r\n"} {
		f.Add(seed, 3)
	}
	f.Fuzz(func(t *testing.T, text string, at int) {
		got := Text(text)
		for _, r := range got {
			if r != '\n' && r != '\t' && !unicode.IsPrint(r) {
				t.Fatalf("%U is left of %q", r, text)
			}
		}
		if !utf8.ValidString(got) || Text(got) != got {
			t.Fatalf("%q became %q, which becomes %q", text, got, Text(got))
		}
		if at < 0 || at > len(text) {
			return
		}
		var out strings.Builder
		filter := NewFilter(&out, nil)
		_, _ = filter.Write([]byte(text[:at]))
		_, _ = filter.Write([]byte(text[at:]))
		_ = filter.Close()
		if out.String() != got {
			t.Fatalf("split at %d: %q, whole: %q", at, out.String(), got)
		}
	})
}
