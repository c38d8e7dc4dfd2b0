// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package turns

// FIFO is a queue that keeps some of its memory while it empties and fills again. The
// zero value is empty.
type FIFO[T any] struct {
	items []T
	head  int
}

// keptItems is the number of items for which an empty FIFO keeps its memory.
const keptItems = 64

// Len returns the number of items.
func (q *FIFO[T]) Len() int { return len(q.items) - q.head }

// Empty reports whether there is no item.
func (q *FIFO[T]) Empty() bool { return q.head == len(q.items) }

// First returns the oldest item; the queue must not be empty.
func (q *FIFO[T]) First() T { return q.items[q.head] }

// Push adds an item behind the other items.
func (q *FIFO[T]) Push(item T) {
	if q.head > keptItems && 2*q.head > len(q.items) {
		kept := copy(q.items, q.items[q.head:])
		clear(q.items[kept:])
		q.items, q.head = q.items[:kept], 0
	}
	q.items = append(q.items, item)
}

// Pop removes the oldest item; the queue must not be empty.
func (q *FIFO[T]) Pop() T {
	var none T
	item := q.items[q.head]
	q.items[q.head] = none
	q.head++
	if q.Empty() {
		q.items, q.head = q.items[:0], 0
		if cap(q.items) > keptItems {
			q.items = nil
		}
	}
	return item
}
