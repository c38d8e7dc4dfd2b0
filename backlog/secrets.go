// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backlog

import (
	"encoding/json"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Secrets are texts that must never be told: passwords and tokens.
type Secrets []string

// maxCleaned is how many bytes of a foreign text are passed on.
const maxCleaned = 160

// shortestSecret is how long a secret must be for Clean to cut it out: taking every
// "a" out of a text would tell that it is one, so such a text is dropped whole.
const shortestSecret = 4

// Hide takes secrets out of a foreign text, in any of the forms they could have been
// written in.
func (s Secrets) Hide(text string) string {
	for _, secret := range s {
		for _, form := range forms(secret) {
			if !strings.Contains(text, form) {
				continue
			}
			if len(secret) < shortestSecret {
				return "(not shown, because it holds a secret)"
			}
			text = strings.ReplaceAll(text, form, "***")
		}
	}
	return text
}

// Clean makes a foreign text fit to be shown: one line of printable characters, not
// long, and without a secret in any of the forms it could have been written in.
func (s Secrets) Clean(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s.Hide(text))
	text = strings.TrimRight(strings.Join(strings.Fields(text), " "), ".")
	if len(text) > maxCleaned {
		text = strings.ToValidUTF8(text[:maxCleaned], "") + "..."
	}
	return text
}

// forms are the ways in which a secret may be written in an error.
func forms(secret string) []string {
	if secret == "" {
		return nil
	}
	quoted, err := json.Marshal(secret)
	if err != nil || len(quoted) < 2 {
		quoted = []byte(`""`)
	}
	list := []string{secret, url.QueryEscape(secret), url.PathEscape(secret), url.UserPassword("", secret).String()[1:]}
	if inner := string(quoted[1 : len(quoted)-1]); inner != "" {
		list = append(list, inner)
	}
	return list
}
