// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Claim is what one pool asks of a cap over several pools.
type Claim struct {
	// Name identifies the pool and breaks ties.
	Name string
	// Priority: higher priorities are served first.
	Priority int32
	// Minimum is the number of processes that is served before any pool gets more than its
	// minimum.
	Minimum int32
	// Wanted is the number of processes that the pool would have without the cap.
	// Processes that are already ending are not part of it: a cap binds what is wanted.
	Wanted int32
	// ProcessesPerPod is the number of processes in one pod; 0 means 1.
	ProcessesPerPod int32
}

// Grant is what one pool gets.
type Grant struct {
	// Name identifies the pool.
	Name string
	// Processes is the size in whole pods, and Pods the number of pods.
	Processes int32
	Pods      int32
	// Limited reports whether the size is less than wanted; Message then says so in a
	// sentence.
	Limited bool
	Message string
}

// share is a claim while it is served, in processes that fill whole pods.
type share struct {
	claim                      Claim
	pod, minimum, wanted, have int64
}

// Whole returns what the pool wants, in processes that fill whole pods. A cap suffices for
// all pools exactly if the sum of Whole over them does not exceed it.
func (c Claim) Whole() int64 { return newShare(c).wanted }

// Share divides a cap, in processes, among pools, and returns their grants in the order of
// the claims. First come the minimums, then the processes wanted beyond them, both by
// priority. Pools of equal priority share by need: each gets its part, in whole pods, by
// largest remainder. What is left over goes to the next pool that has room for a pod of it.
// A negative cap means no cap.
func Share(limit int32, claims []Claim) []Grant {
	shares := make([]*share, len(claims))
	for i, c := range claims {
		shares[i] = newShare(c)
	}
	if limit < 0 {
		for _, s := range shares {
			s.have = s.wanted
		}
		return grants(limit, shares)
	}
	left := int64(limit)
	levels := byPriority(shares)
	for _, level := range levels {
		left = apportion(left, level, func(s *share) int64 { return s.minimum - s.have })
	}
	for _, level := range levels {
		left = apportion(left, level, func(s *share) int64 { return s.wanted - s.have })
	}
	return grants(limit, shares)
}

func newShare(c Claim) *share {
	pod := min(max(1, int64(c.ProcessesPerPod)), most)
	pods := func(n int32) int64 { return min((max(0, int64(n))+pod-1)/pod, most/pod) * pod }
	return &share{claim: c, pod: pod, minimum: pods(min(c.Minimum, c.Wanted)), wanted: pods(c.Wanted)}
}

// byPriority returns the shares in groups of equal priority, the highest priority first,
// and within a group by name.
func byPriority(shares []*share) [][]*share {
	sorted := slices.SortedStableFunc(slices.Values(shares), func(a, b *share) int {
		return cmp.Or(cmp.Compare(b.claim.Priority, a.claim.Priority), strings.Compare(a.claim.Name, b.claim.Name))
	})
	var levels [][]*share
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].claim.Priority == sorted[0].claim.Priority {
			n++
		}
		levels, sorted = append(levels, sorted[:n]), sorted[n:]
	}
	return levels
}

// apportion gives the shares of one level their part of what is left, and returns the rest.
func apportion(left int64, level []*share, need func(*share) int64) int64 {
	var sum int64
	for _, s := range level {
		sum += need(s)
	}
	if sum == 0 || left <= 0 {
		return left
	}
	type remainder struct {
		share *share
		part  float64 // of a pod
	}
	rest := left
	remainders := make([]remainder, 0, len(level))
	for _, s := range level {
		quota := float64(need(s)) * min(1, float64(left)/float64(sum))
		whole := min(int64(quota)/s.pod*s.pod, need(s), rest/s.pod*s.pod)
		remainders = append(remainders, remainder{s, (quota - float64(whole)) / float64(s.pod)})
		s.have += whole
		rest -= whole
	}
	slices.SortStableFunc(remainders, func(a, b remainder) int { return cmp.Compare(b.part, a.part) })
	for given := true; given; {
		given = false
		for _, r := range remainders {
			if need(r.share) > 0 && r.share.pod <= rest {
				r.share.have += r.share.pod
				rest -= r.share.pod
				given = true
			}
		}
	}
	return rest
}

func grants(limit int32, shares []*share) []Grant {
	out := make([]Grant, len(shares))
	for i, s := range shares {
		g := Grant{Name: s.claim.Name, Processes: int32(min(s.have, most)), Pods: int32(s.have / s.pod), Limited: s.have < s.wanted}
		if g.Limited {
			g.Message = fmt.Sprintf("The QueueApp's spec.maxProcesses allows %s for its %d pools together, which leaves %d of the %d that this pool wants. Raise it, or raise spec.priority of this pool.",
				processes(limit), len(shares), s.have, s.wanted)
		}
		out[i] = g
	}
	return out
}
