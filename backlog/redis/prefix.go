// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"fmt"
	"strings"
)

// prefixChoice is what the application puts in front of its keys: the one candidate,
// or the one of several behind which jobs were found first. That one stays: once its
// queues are empty, jobs behind another are more likely those of another application
// on the same server than of this one.
type prefixChoice struct {
	candidates []string
	// found is the candidate behind which jobs were found, if known.
	found int
	known bool
	// tried says that all candidates were looked behind.
	tried bool
}

// asked are the candidates to look behind: all of them until jobs were found.
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

// learn takes how many jobs there are behind each candidate, and returns the one
// that counts.
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
