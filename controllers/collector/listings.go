// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"sync"
	"time"
)

const (
	// maxListings is how many probes are asked at once. maxSlow is how many more are
	// asked at once among the probes that took longer than slowListing last time.
	// Together they are fewer than the QueueCommands that are processed at once.
	maxListings = 4
	maxSlow     = 2
	slowListing = 2 * time.Second
)

// listings are the namespaces whose probe is being asked for failed jobs: one probe of
// each, so that no tenant delays other tenants, and a few at once. Probes that were slow
// last time, or gave no answer, have their own places, so that they delay only each other.
type listings struct {
	mu sync.Mutex
	// open holds for each namespace whether its probe is a slow one.
	open map[string]bool
}

// begin takes a place; end gives it back.
func (l *listings) begin(namespace string, slow bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	places := maxListings
	if slow {
		places = maxSlow
	}
	for _, as := range l.open {
		if as == slow {
			places--
		}
	}
	if _, open := l.open[namespace]; open || places <= 0 {
		return false
	}
	if l.open == nil {
		l.open = map[string]bool{}
	}
	l.open[namespace] = slow
	return true
}

func (l *listings) end(namespace string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, namespace)
}
