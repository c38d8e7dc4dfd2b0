// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"container/heap"
	"time"
)

// timer is a time at which something happens to its owner.
type timer struct {
	at    time.Time
	place int // in the heap, from 1; 0 while not set
	owner expirer
}

// expirer is the owner of a timer.
type expirer interface {
	expire(c *core, now time.Time)
}

// timers are the set timers, a heap with the earliest first.
type timers []*timer

func (h *timers) set(t *timer, at time.Time) {
	t.at = at
	if t.place == 0 {
		heap.Push(h, t)
		return
	}
	heap.Fix(h, t.place-1)
}

func (h *timers) unset(t *timer) {
	if t.place != 0 {
		heap.Remove(h, t.place-1)
	}
}

// due removes and returns the earliest timer if it is at or before now, and otherwise nil.
func (h *timers) due(now time.Time) *timer {
	if len(*h) == 0 || (*h)[0].at.After(now) {
		return nil
	}
	return heap.Pop(h).(*timer)
}

// Len, Less, Swap, Push and Pop are only for container/heap.

func (h timers) Len() int           { return len(h) }
func (h timers) Less(i, j int) bool { return h[i].at.Before(h[j].at) }

func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

func (h *timers) Push(x any) {
	t := x.(*timer)
	*h = append(*h, t)
	t.place = len(*h)
}

func (h *timers) Pop() any {
	old := *h
	last := len(old) - 1
	t := old[last]
	old[last] = nil
	*h = old[:last]
	t.place = 0
	return t
}
