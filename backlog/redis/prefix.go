// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"fmt"
	"strings"
)

// prefixChoice is what the application puts in front of its keys: the one candidate,
// or the one of several behind which jobs are found.
type prefixChoice struct {
	candidates []string
	// found is the candidate behind which jobs were found last, if known.
	found int
	known bool
	// empty says that nothing was behind the one that was found, when last measured.
	empty bool
}

// asked are the candidates to look behind: all of them until jobs were found, and
// again while none is left there.
func (p *prefixChoice) asked() []int {
	if len(p.candidates) == 1 || p.known && !p.empty {
		return []int{p.found}
	}
	all := make([]int, len(p.candidates))
	for i := range all {
		all[i] = i
	}
	return all
}

// learn takes how many jobs there are behind each candidate, and returns the one
// that counts. What was found once stays while jobs are behind it.
func (p *prefixChoice) learn(jobs []int64) int {
	best := p.found
	if !p.known || jobs[best] == 0 {
		for i, count := range jobs {
			if count > jobs[best] {
				best = i
			}
		}
	}
	p.empty = jobs[best] == 0
	if !p.empty {
		p.found, p.known = best, true
	}
	return best
}

func (p *prefixChoice) describe() string {
	switch {
	case len(p.candidates) == 1 && p.candidates[0] == "":
		return "no key prefix"
	case len(p.candidates) == 1:
		return "key prefix " + p.candidates[0]
	case p.known:
		return fmt.Sprintf("key prefix %s (Laravel's own, by the keys that were found)", p.candidates[p.found])
	}
	return fmt.Sprintf("key prefix %s (Laravel's own; no job was found yet that tells which)", strings.Join(p.candidates, " or "))
}
