// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package turns

import "container/list"

// Queue holds items of many namespaces and hands them out so that the namespaces take
// turns. The zero value is empty. Push and Pop take constant time, except for the
// namespaces that Pop must pass over because they may not have a turn now.
//
// A namespace without items that gets one is a newcomer, and newcomers go first. Once
// served, it is one of the regulars. It stays a regular until every regular has had its
// turn, even if it has no items meanwhile. So a namespace cannot go first again and again.
type Queue[T any] struct {
	lines     map[string]*list.Element // of *line[T], in newcomers or regulars
	newcomers list.List
	regulars  list.List
	size      int
}

// line holds the waiting items of one namespace.
type line[T any] struct {
	namespace string
	items     FIFO[T]
	newcomer  bool
}

// Len returns the number of items.
func (q *Queue[T]) Len() int { return q.size }

// Namespaces returns how many namespaces the queue knows, including namespaces without
// items.
func (q *Queue[T]) Namespaces() int { return len(q.lines) }

// Push adds an item behind the other items of its namespace.
func (q *Queue[T]) Push(namespace string, item T) {
	at := q.lines[namespace]
	if at == nil {
		if q.lines == nil {
			q.lines = map[string]*list.Element{}
		}
		at = q.newcomers.PushBack(&line[T]{namespace: namespace, newcomer: true})
		q.lines[namespace] = at
	}
	at.Value.(*line[T]).items.Push(item)
	q.size++
}

// Any reports whether Pop would return an item.
func (q *Queue[T]) Any(may func(namespace string) bool) bool { return q.next(may) != nil }

// Pop removes the next item of a namespace that may have a turn. It returns false if
// there is none. A nil may lets every namespace have a turn.
func (q *Queue[T]) Pop(may func(namespace string) bool) (item T, ok bool) {
	at := q.next(may)
	if at == nil {
		return item, false
	}
	served := at.Value.(*line[T])
	item = served.items.Pop()
	q.size--
	switch {
	case q.size == 0:
		// Nothing waits, so no namespace can be passed over.
		clear(q.lines)
		q.newcomers.Init()
		q.regulars.Init()
	case served.newcomer:
		served.newcomer = false
		q.newcomers.Remove(at)
		q.lines[served.namespace] = q.regulars.PushBack(served)
	default:
		q.regulars.MoveToBack(at)
	}
	return item, true
}

// next returns the line whose turn it is. It drops empty lines that have had their turn.
func (q *Queue[T]) next(may func(namespace string) bool) *list.Element {
	if q.size == 0 {
		return nil
	}
	for at := q.newcomers.Front(); at != nil; at = at.Next() {
		if may == nil || may(at.Value.(*line[T]).namespace) {
			return at
		}
	}
	for at := q.regulars.Front(); at != nil; {
		after, waiting := at.Next(), at.Value.(*line[T])
		switch {
		case waiting.items.Empty():
			q.regulars.Remove(at)
			delete(q.lines, waiting.namespace)
		case may == nil || may(waiting.namespace):
			return at
		}
		at = after
	}
	return nil
}
