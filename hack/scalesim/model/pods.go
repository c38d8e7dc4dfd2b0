// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"cmp"
	"container/heap"
	"slices"
)

// resize creates or removes pods until their number is the wanted number.
func (s *simulation) resize(wanted int) {
	var kept []*pod
	for _, p := range s.pods {
		if !p.leaving {
			kept = append(kept, p)
		}
	}
	if len(kept) > wanted {
		for _, p := range s.victims(kept)[:len(kept)-wanted] {
			s.retire(p)
		}
		return
	}
	missing := wanted - len(kept)
	if s.removal.Drain {
		// Leaving pods are called back before new pods are created.
		for _, p := range s.pods {
			if missing > 0 && p.leaving {
				p.leaving = false
				missing--
			}
		}
	}
	for range missing {
		s.create()
	}
}

func (s *simulation) create() {
	p := &pod{created: s.now}
	s.pods = append(s.pods, p)
	s.at(event{at: s.now + StartLatency, pod: p, kind: podReady})
}

// victims returns pods in the order of their removal.
func (s *simulation) victims(pods []*pod) []*pod {
	out := slices.Clone(pods)
	s.random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	slices.SortStableFunc(out, func(a, b *pod) int {
		if !s.removal.Drain {
			return cmp.Compare(truth(a.ready), truth(b.ready))
		}
		return cmp.Or(
			cmp.Compare(truth(a.ready), truth(b.ready)),
			cmp.Compare(truth(a.job != nil), truth(b.job != nil)),
			cmp.Compare(b.begun, a.begun),
		)
	})
	return out
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (s *simulation) retire(p *pod) {
	if p.job == nil {
		s.remove(p)
		return
	}
	p.leaving = true
	if !s.removal.Drain && p.begun+p.job.service > s.now+s.removal.Grace {
		s.at(event{at: s.now + s.removal.Grace, pod: p, epoch: p.epoch, kind: podKilled})
	}
}

func (s *simulation) remove(p *pod) {
	p.gone = true
	s.out.Used += s.now - p.created
	s.pods = slices.DeleteFunc(s.pods, func(q *pod) bool { return q == p })
	s.idle = slices.DeleteFunc(s.idle, func(q *pod) bool { return q == p })
}

type eventKind int

const (
	podReady eventKind = iota
	jobDone
	podKilled
)

type event struct {
	at    float64
	pod   *pod
	epoch int
	kind  eventKind
	order int
}

// eventHeap is a queue of events by time. Events of the same time keep their order of entry.
type eventHeap []event

func (s *simulation) at(e event) {
	s.order++
	e.order = s.order
	heap.Push(&s.events, e)
}

func (h *eventHeap) pop() event { return heap.Pop(h).(event) }

func (h eventHeap) Len() int { return len(h) }

func (h eventHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].order < h[j].order
}

func (h eventHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

func (h *eventHeap) Push(x any) { *h = append(*h, x.(event)) }

func (h *eventHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	*h = (*h)[:last]
	return e
}
