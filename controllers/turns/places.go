// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package turns

// Places is a number of places that namespaces take and give back.
type Places struct {
	total, taken int
	held         map[string]int
}

// NewPlaces returns total places, all free.
func NewPlaces(total int) *Places { return &Places{total: total, held: map[string]int{}} }

// Taken returns how many places are taken.
func (p *Places) Taken() int { return p.taken }

// Holds returns how many places a namespace holds.
func (p *Places) Holds(namespace string) int { return p.held[namespace] }

// May reports whether a namespace may take another place: it may while it holds fewer
// places than are free. While a place is free, only namespaces that hold places can be
// refused.
func (p *Places) May(namespace string) bool { return p.held[namespace] < p.total-p.taken }

// Take takes a place for a namespace that may have it.
func (p *Places) Take(namespace string) {
	p.taken++
	p.held[namespace]++
}

// Give gives a place back.
func (p *Places) Give(namespace string) {
	p.taken--
	if p.held[namespace]--; p.held[namespace] <= 0 {
		delete(p.held, namespace)
	}
}
