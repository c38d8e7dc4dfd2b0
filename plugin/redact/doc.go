// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package redact takes out of objects and logs what a support bundle must not carry.
//
// Two nets lie one over the other. The first is made of lists of what stays. A message
// keeps the words of the operator and of Kubernetes, which a reason or a shape tells, and
// loses what a job printed, an agent or a backend said, or the API server quoted. Where secrets are kept by intent - env, args,
// annotations, the data of ConfigMaps, HTTP headers, options of volumes - nothing passes
// but what is known to be harmless. And every value that was taken out there is
// remembered, and taken out of all other text too: a password in an env that turns up in
// the message of an event, or in the operator's log, is gone there as well. So
// objects are gone through twice: Learn all of them, then Object each.
package redact

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Redactor remembers what it has taken out.
type Redactor struct {
	secrets map[string]bool
	kept    map[string]bool
	ordered []string
	// parts are words in a row of what programs printed.
	parts map[string]bool
}

// New returns a Redactor that knows no secrets yet.
func New() *Redactor {
	return &Redactor{secrets: map[string]bool{}, parts: map[string]bool{}, kept: map[string]bool{
		v1alpha1.ManagedBy: true, v1alpha1.GroupName: true,
		"/backlog": true, "/healthz": true, "/metrics": true, // paths that stand in names of images and in every log
	}}
}

// Keep names what is no secret though it may stand in an env: the names of objects,
// which the bundle is full of, and useless without.
func (r *Redactor) Keep(names ...string) {
	for _, name := range names {
		r.kept[name] = true
	}
	r.ordered = nil
}

// shortest is the length from which a value is looked for in other text: shorter ones,
// such as 1 or redis, would be found in everything.
const (
	shortest       = 8
	shortestSecret = 4
	// shortestNumber is the same for what has a secret's name and consists of digits: a
	// TOKEN_TTL of 3600 stands in everything too.
	shortestNumber = 6
)

// secretName matches the names of variables and fields that hold secrets.
var secretName = regexp.MustCompile(`(?i)(pass(word|wd|phrase)?$|pass_|_pass|passw|secret|token|(api|app|private|access)[-_]?key|credential|dsn$|auth$)`)

// learn remembers a value that was taken out from under a name.
func (r *Redactor) learn(name, value string) {
	value = strings.TrimSpace(value)
	if len(value) < least(name, value) || r.kept[value] || harmless.MatchString(value) {
		return
	}
	r.secrets[value] = true
	r.ordered = nil
	// A secret of several lines turns up in logs line by line.
	if strings.Contains(value, "\n") {
		for line := range strings.Lines(value) {
			r.learn("", line)
		}
	}
}

// least is the length from which a value under a name is looked for in other text.
// Numbers give nothing away, unless they are a secret by their name.
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
	// harmless are values that give nothing away and stand in everybody's text.
	harmless = regexp.MustCompile(`^(?i)(true|false|null|production|staging|development|localhost|database|database-uuids)$`)
	// numeric are numbers, addresses and times of day.
	numeric = regexp.MustCompile(`^[0-9.:]+$`)
)

// patterns match what looks like a secret wherever it stands.
var patterns = []struct {
	match *regexp.Regexp
	with  string
}{
	// user:password@host in an URL; a password may have an @ of its own
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

// Text takes out what is known or looks like a secret.
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

// known are the remembered secrets, longest first: one may be part of another.
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

// gone stands for a value that was taken out; how long it was helps to see an empty
// one or one with a line break at its end.
func gone(value string) string {
	return fmt.Sprintf("(removed, %d bytes)", len(value))
}
