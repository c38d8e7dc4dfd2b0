// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"slices"
)

// Examine returns all findings, the worst level first; within a level, related findings
// stay together.
func Examine(in Input) []Finding {
	found := slices.Concat(kinds(in), operators(in), mine(in), theirs(in), apps(in), workers(in))
	order := []Level{Wrong, Warning, Unchecked, Fine}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Compare(slices.Index(order, a.Level), slices.Index(order, b.Level))
	})
	return found
}

// Count returns how many findings have a level.
func Count(findings []Finding, level Level) int {
	n := 0
	for _, finding := range findings {
		if finding.Level == level {
			n++
		}
	}
	return n
}
