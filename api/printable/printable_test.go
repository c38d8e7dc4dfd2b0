// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package printable

import (
	"testing"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	tests := map[string]struct {
		text  string
		limit int
		want  string
	}{
		"plain":                      {"SendMail failed.", 100, "SendMail failed."},
		"umlauts and signs":          {"Größe 5 € → 日本", 100, "Größe 5 € → 日本"},
		"line breaks":                {"one\r\ntwo\tthree", 100, "one  two three"},
		"space around what is cut":   {"\x00 one \x7f", 100, "one"},
		"escape sequences":           {"\x1b[31mred\x1b]0;title\x07", 100, "[31mred]0;title"},
		"a control byte of C1":       {"a\u009bb", 100, "ab"},
		"marks that turn the text":   {"a\u202eb\u2066c\u200bd", 100, "abcd"},
		"separators of lines":        {"a\u2028b\u0085c", 100, "a b c"},
		"bytes that are no text":     {"a\xffb", 100, "a\ufffdb"},
		"exactly as long as may be":  {"12345", 5, "12345"},
		"one too long":               {"123456", 5, "12…"},
		"not within a letter":        {"äöüß", 6, "ä…"},
		"to nothing but control":     {"\x00\x01", 5, ""},
		"private signs and the rest": {"a\ue000\U000f0000b", 100, "ab"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := Line(tc.text, tc.limit)
			if got != tc.want || len(got) > tc.limit || !utf8.ValidString(got) {
				t.Errorf("Line(%q, %d) = %q, want %q", tc.text, tc.limit, got, tc.want)
			}
			if again := Line(got, tc.limit); again != got {
				t.Errorf("cleaned twice: %q, then %q", got, again)
			}
		})
	}
}
