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

// Secrets are texts that must never be shown: passwords and tokens.
type Secrets []string

// maxCleaned is the number of bytes of a foreign text that are passed on.
const maxCleaned = 160

// shortestSecret is the shortest secret that Hide cuts out of a text. Removing every "a"
// would show that "a" is the secret, so Hide drops a text with a shorter secret entirely.
const shortestSecret = 4

// Hide replaces secrets in a foreign text, in every form in which they may be written.
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

// Clean makes a foreign text fit to be shown: a short line of printable characters,
// without a secret in any form in which it may be written.
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

// forms returns the ways in which an error may write a secret.
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
