// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package settings

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Slug is Laravel's Str::slug: it returns a name in lower case with separator (- or _)
// between its words. Laravel writes letters of other alphabets in Latin by a table of
// thousands of entries. Slug drops them, except Latin letters with marks and a few
// letters that stand for two. Set REDIS_PREFIX if the result differs.
func Slug(name, separator string) string {
	flip := "_"
	if separator == "_" {
		flip = "-"
	}
	name = strings.ReplaceAll(ascii(name), flip, separator)
	name = strings.ToLower(strings.ReplaceAll(name, "@", separator+"at"+separator))
	var kept strings.Builder
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', string(r) == separator, unicode.IsSpace(r):
			kept.WriteRune(r)
		}
	}
	words := strings.FieldsFunc(kept.String(), func(r rune) bool { return string(r) == separator || unicode.IsSpace(r) })
	return strings.Join(words, separator)
}

// spelled replaces letters that are not a Latin letter with a mark.
var spelled = strings.NewReplacer("ß", "ss", "ẞ", "SS", "æ", "ae", "Æ", "AE", "ø", "o", "Ø", "O", "œ", "oe", "Œ", "OE",
	"ł", "l", "Ł", "L", "đ", "d", "Đ", "D", "ð", "d", "Ð", "D", "þ", "th", "Þ", "TH", "ı", "i")

func ascii(text string) string {
	var plain strings.Builder
	for _, r := range norm.NFD.String(spelled.Replace(text)) {
		if r < unicode.MaxASCII {
			plain.WriteRune(r)
		}
	}
	return plain.String()
}
