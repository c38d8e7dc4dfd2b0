// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"regexp"
	"strings"
)

// Parts of a program's output are found in other text even if they were cut or wrapped
// again on the way. A part is a sequence of words, or one word that looks like data.
const (
	// inARow is how many words make a part; shortestRow is its minimum length in bytes.
	inARow      = 3
	shortestRow = 12
	// shortestDatum is the minimum length of a word that looks like a card number, an
	// account number or a telephone number; digits is the minimum number of its digits.
	shortestDatum = 12
	digits        = 10
)

// named matches words with digits that name an object of the cluster, or a time.
var named = regexp.MustCompile(`^([0-9a-f]{8}-[0-9a-f-]{27}|[0-9]{4}-[0-9]{2}-[0-9]{2}.*)$|sha256:`)

const edges = " \t\r\n\"'`.,:;!?()[]{}<>…\\"

// fragments remembers the parts of a text that a program printed.
func (r *Redactor) fragments(text string) {
	words := strings.Fields(text)
	for i := range words {
		words[i] = strings.Trim(words[i], edges)
		if isDatum(words[i]) {
			r.secrets[words[i]], r.ordered = true, nil
		}
	}
	for i := range len(words) - inARow + 1 {
		if part := strings.Join(words[i:i+inARow], " "); len(part) >= shortestRow {
			r.parts[part] = true
		}
	}
}

// isDatum reports whether a word looks like an e-mail address, or like the number of a
// card, an account or a telephone.
func isDatum(word string) bool {
	if named.MatchString(word) {
		return false
	}
	if before, after, found := strings.Cut(word, "@"); found {
		return before != "" && strings.Contains(after, ".")
	}
	count := 0
	for _, c := range word {
		if c >= '0' && c <= '9' {
			count++
		}
	}
	return len(word) >= shortestDatum && count >= digits
}

// spaced matches a word with the space before it.
var spaced = regexp.MustCompile(`\s*\S+`)

// withoutFragments removes the parts of programs' output from a text.
func (r *Redactor) withoutFragments(text string) string {
	words := spaced.FindAllString(text, -1)
	bare := make([]string, len(words))
	for i := range words {
		bare[i] = strings.Trim(words[i], edges)
	}
	drop := make([]bool, len(words))
	for i := range len(words) - inARow + 1 {
		if r.parts[strings.Join(bare[i:i+inARow], " ")] {
			for at := i; at < i+inARow; at++ {
				drop[at] = true
			}
		}
	}
	var out strings.Builder
	for i, word := range words {
		switch {
		case !drop[i]:
			out.WriteString(word)
		case i == 0 || !drop[i-1]:
			out.WriteString(" (removed)")
		}
	}
	if strings.HasSuffix(text, "\n") {
		out.WriteByte('\n')
	}
	return out.String()
}

// Prose redacts a text without structure. It removes what Text removes, and the parts of
// programs' output.
func (r *Redactor) Prose(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString(r.withoutFragments(line))
	}
	return r.Text(out.String())
}
