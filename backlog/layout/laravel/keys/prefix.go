// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"fmt"
	"strings"
)

// prefixChoice is what the application puts in front of its keys. It is the only
// candidate, or the first of several candidates with jobs. That choice stays: jobs that
// appear later under another candidate more likely belong to another application on the
// same server.
type prefixChoice struct {
	candidates []string
	// found is the candidate under which jobs were found, if known is set.
	found int
	known bool
	// tried reports whether all candidates were tried.
	tried bool
}

// asked returns the candidates to try: all of them until jobs were found.
func (p *prefixChoice) asked() []int {
	if len(p.candidates) == 1 || p.known {
		return []int{p.found}
	}
	all := make([]int, len(p.candidates))
	for i := range all {
		all[i] = i
	}
	return all
}

// learn takes the number of jobs under each candidate and returns the candidate that
// counts.
func (p *prefixChoice) learn(jobs []int64) int {
	p.tried = true
	if p.known {
		return p.found
	}
	for i, count := range jobs {
		if count > jobs[p.found] {
			p.found = i
		}
	}
	p.known = jobs[p.found] > 0
	return p.found
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
	if !p.tried {
		return fmt.Sprintf("key prefix %s (Laravel's own; not looked behind yet)", strings.Join(p.candidates, " or "))
	}
	return fmt.Sprintf("key prefix not known: %s were tried (Laravel's own), and none of them holds a job yet", strings.Join(p.candidates, " and "))
}
