// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package redact removes from objects and logs what a support bundle must not contain.
//
// It uses two nets, one over the other. The first is a set of lists of what stays. A
// message keeps the words of the operator and of Kubernetes, which are recognised by a
// reason or a shape. It loses what a job printed, what an agent or a backend answered,
// and what the API server quoted. Some fields hold secrets by design: env, args,
// annotations, the data of ConfigMaps, HTTP headers, options of volumes. From these
// fields, only values that are known to be harmless pass.
//
// The second net remembers every value that was removed there, and removes it from all
// other text. A password in an env is therefore also removed from the message of an event
// or from the operator's log. So objects are processed twice: first Learn for all of
// them, then Object for each.
package redact

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Redactor remembers the values that it has removed.
type Redactor struct {
	secrets map[string]bool
	kept    map[string]bool
	ordered []string
	// parts are sequences of words from the output of programs.
	parts map[string]bool
}

// New returns a Redactor that knows no secrets yet.
func New() *Redactor {
	return &Redactor{secrets: map[string]bool{}, parts: map[string]bool{}, kept: map[string]bool{
		v1alpha1.ManagedBy: true, v1alpha1.GroupName: true,
		"/backlog": true, "/healthz": true, "/metrics": true, // paths that occur in names of images and in every log
	}}
}

// Keep protects values that are no secrets, even if an env contains them: the names of
// objects, without which the bundle would be useless.
func (r *Redactor) Keep(names ...string) {
	for _, name := range names {
		r.kept[name] = true
	}
	r.ordered = nil
}

// shortest is the minimum length at which a value is removed from other text. Shorter
// values, such as 1 or redis, would be found everywhere.
const (
	shortest       = 8
	shortestSecret = 4
	// shortestNumber applies to a value of digits under a secret's name. The value of a
	// TOKEN_TTL of 3600 occurs everywhere too.
	shortestNumber = 6
)

// secretName matches the names of variables and fields that hold secrets.
var secretName = regexp.MustCompile(`(?i)(pass(word|wd|phrase)?$|pass_|_pass|passw|secret|token|(api|app|private|access)[-_]?key|credential|dsn$|auth$)`)

// learn remembers a value that was removed from a field with this name.
func (r *Redactor) learn(name, value string) {
	value = strings.TrimSpace(value)
	if len(value) < least(name, value) || r.kept[value] || harmless.MatchString(value) {
		return
	}
	r.secrets[value] = true
	r.ordered = nil
	// Logs show a secret of several lines line by line.
	if strings.Contains(value, "\n") {
		for line := range strings.Lines(value) {
			r.learn("", line)
		}
	}
}

// least returns the minimum length at which a value with this name is removed from other
// text. Numbers reveal nothing, unless their name says that they are secret.
func least(name, value string) int {
	number := numeric.MatchString(value)
	switch {
	case !secretName.MatchString(name):
		if number {
			return math.MaxInt
		}
		return shortest
	case number:
		return shortestNumber
	}
	return shortestSecret
}

var (
	// harmless matches values that reveal nothing and occur in any text.
	harmless = regexp.MustCompile(`^(?i)(true|false|null|production|staging|development|localhost|database|database-uuids)$`)
	// numeric matches numbers, addresses and times of day.
	numeric = regexp.MustCompile(`^[0-9.:]+$`)
)

// patterns match text that looks like a secret, wherever it stands.
var patterns = []struct {
	match *regexp.Regexp
	with  string
}{
	// user:password@host in a URL; a password may contain an @
	{regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s:@"']*:[^/\s"']*@`), "${1}(removed)@"},
	// Authorization headers
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9+/._~=-]{8,}`), "${1} (removed)"},
	// JSON web tokens
	{regexp.MustCompile(`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?`), "(removed)"},
	// password=..., "token": "...", --api-key ...
	{regexp.MustCompile(`(?i)([a-z0-9_-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|app[_-]?key|access[_-]?key|private[_-]?key|credential)s?["']?\s*(?:=>|[=:])\s*["']?)[^\s"',})]+`), "${1}(removed)"},
	// keys of Amazon, and of Laravel
	{regexp.MustCompile(`\b(AKIA|ASIA)[A-Z0-9]{16}\b`), "(removed)"},
	{regexp.MustCompile(`\bbase64:[A-Za-z0-9+/]{32,}={0,2}`), "(removed)"},
	// PEM blocks
	{regexp.MustCompile(`(?s)-----BEGIN [A-Z ]+-----.*?(-----END [A-Z ]+-----|$)`), "(removed)"},
}

// Text removes what is known to be a secret or looks like a secret.
func (r *Redactor) Text(text string) string {
	for _, secret := range r.known() {
		text = strings.ReplaceAll(text, secret, "(removed)")
	}
	text = addresses.ReplaceAllStringFunc(text, pathless)
	for _, p := range patterns {
		text = p.match.ReplaceAllString(text, p.with)
	}
	return text
}

// known returns the remembered secrets, longest first, because a secret may be part of
// another.
func (r *Redactor) known() []string {
	if r.ordered == nil {
		r.ordered = []string{}
		for secret := range r.secrets {
			if !r.kept[secret] {
				r.ordered = append(r.ordered, secret)
			}
		}
		slices.SortFunc(r.ordered, func(a, b string) int {
			if len(a) != len(b) {
				return len(b) - len(a)
			}
			return strings.Compare(a, b)
		})
	}
	return r.ordered
}

// gone replaces a removed value. The length helps to notice an empty value, or a value
// with a line break at its end.
func gone(value string) string {
	return fmt.Sprintf("(removed, %d bytes)", len(value))
}
