// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"strconv"
	"strings"
)

// maxName is the maximum length of the name of a QueueApp or QueueWorker.
const maxName = 50

// Names gives out valid names, each only once. Its keys are the names that are taken.
// Each value is the last number that was tried as a suffix of the name.
type Names map[string]int

// Take makes a name from the text: lower-case letters, digits and hyphens, at most 50
// characters. If nothing is left of the text, the name is otherwise. A name that is
// already taken gets a number.
func (n Names) Take(text, otherwise string) string {
	base := Slug(text)
	if base == "" {
		base = otherwise
	}
	name := base
	for i := max(n[base], 1); n[name] > 0; n[base] = i {
		i++
		suffix := "-" + strconv.Itoa(i)
		name = strings.TrimRight(base[:min(len(base), maxName-len(suffix))], "-") + suffix
	}
	n[name] = 1
	return name
}

// Slug returns the text as a name; empty if the text has no letter or digit.
func Slug(text string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() == maxName {
			break
		}
	}
	return strings.Trim(b.String(), "-")
}
