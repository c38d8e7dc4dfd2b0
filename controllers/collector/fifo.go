// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

// fifo is a queue that keeps its memory while it empties and fills again.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) empty() bool { return q.head == len(q.items) }

func (q *fifo[T]) push(item T) {
	if q.head > 64 && 2*q.head > len(q.items) {
		q.items = append(q.items[:0], q.items[q.head:]...)
		q.head = 0
	}
	q.items = append(q.items, item)
}

// pop removes the oldest item; the queue must not be empty.
func (q *fifo[T]) pop() T {
	var none T
	item := q.items[q.head]
	q.items[q.head] = none
	q.head++
	if q.empty() {
		q.items, q.head = q.items[:0], 0
	}
	return item
}
