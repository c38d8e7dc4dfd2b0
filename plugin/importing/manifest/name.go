// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"strconv"
	"strings"
)

// maxName is how long the name of a QueueApp or QueueWorker may be.
const maxName = 50

// Names gives out names that are valid and differ.
type Names map[string]bool

// Take makes a name of the text: lower-case letters, digits and hyphens, at most 50
// characters; otherwise where nothing is left of it. A name that was given out
// before gets a number.
func (n Names) Take(text, otherwise string) string {
	base := Slug(text)
	if base == "" {
		base = otherwise
	}
	name := base
	for i := 2; n[name]; i++ {
		suffix := "-" + strconv.Itoa(i)
		name = strings.TrimRight(base[:min(len(base), maxName-len(suffix))], "-") + suffix
	}
	n[name] = true
	return name
}

// Slug is the text as a name; empty where no letter or digit is in it.
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
