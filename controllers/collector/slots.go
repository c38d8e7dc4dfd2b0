// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"context"
	"sync"

	"queueworker.dev/queueworker/controllers/turns"
)

// slotClass is a class of probes that share slots. A probe never waits for a probe of
// another class.
type slotClass int

const (
	slotQuick slotClass = iota // the last answers were quick
	slotFresh                  // it has never answered
	slotSlow                   // the last answers were not quick
	slotClasses
)

// slots bound how many probes are asked at once. In each class the namespaces take
// turns, and no namespace may hold more slots than it leaves free.
type slots struct {
	mu      sync.Mutex
	places  [slotClasses]*turns.Places
	waiting [slotClasses]turns.Queue[*slotWait]
}

// slotWait is a probe that waits for its slot.
type slotWait struct {
	granted chan struct{}
	// left reports whether the probe no longer waits.
	left bool
}

// newSlots returns slots: quick of them for the quick class, and half as many for each
// other class.
func newSlots(quick int) *slots {
	others := max(1, quick/2)
	return &slots{places: [slotClasses]*turns.Places{
		slotQuick: turns.NewPlaces(quick), slotFresh: turns.NewPlaces(others), slotSlow: turns.NewPlaces(others),
	}}
}

// take waits for a slot. It returns false if ctx ends first; then there is no slot to
// give back.
func (s *slots) take(ctx context.Context, class slotClass, namespace string) bool {
	wait := &slotWait{granted: make(chan struct{})}
	s.mu.Lock()
	s.waiting[class].Push(namespace, wait)
	s.grant(class)
	s.mu.Unlock()
	select {
	case <-wait.granted:
		return true
	case <-ctx.Done():
	}
	s.mu.Lock()
	wait.left = true
	s.mu.Unlock()
	select {
	case <-wait.granted: // at the same moment
		s.give(class, namespace)
	default:
	}
	return false
}

// give gives a slot back.
func (s *slots) give(class slotClass, namespace string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.places[class].Give(namespace)
	s.grant(class)
}

// grant hands free slots to the probes whose turn it is.
func (s *slots) grant(class slotClass) {
	places, waiting := s.places[class], &s.waiting[class]
	for {
		var turn string
		wait, ok := waiting.Pop(func(namespace string) bool {
			turn = namespace
			return places.May(namespace)
		})
		if !ok {
			return
		}
		if wait.left {
			continue
		}
		places.Take(turn)
		close(wait.granted)
	}
}
