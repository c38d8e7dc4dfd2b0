// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// remembered is how long a queue is measured after it was asked for last.
const remembered = time.Minute

// wanted are the queues that were asked for, by name. There are no more than a
// request may name. Those that were not asked for lately make room, no others: who
// asks for invented names must not push out those of the operator.
type wanted map[string]wish

type wish struct {
	soon  time.Duration
	asked time.Time
}

// add takes queues that are asked for, and returns those for which there is room.
func (w wanted) add(queues []string, soon time.Duration, now time.Time) []string {
	w.forget(now)
	taken := make([]string, 0, len(queues))
	for _, name := range queues {
		if _, found := w[name]; !found && len(w) >= protocol.MaxBacklogQueues {
			continue
		}
		w[name] = wish{soon: soon, asked: now}
		taken = append(taken, name)
	}
	return taken
}

// forget drops what nobody has asked for lately.
func (w wanted) forget(now time.Time) {
	maps.DeleteFunc(w, func(_ string, wish wish) bool { return now.Sub(wish.asked) > remembered })
}

// list returns the queues to be measured, by name, and forgets those that nobody
// has asked for lately.
func (w wanted) list(now time.Time) []backlog.Queue {
	w.forget(now)
	queues := make([]backlog.Queue, 0, len(w))
	for name, wish := range w {
		queues = append(queues, backlog.Queue{Name: name, Soon: wish.soon})
	}
	slices.SortFunc(queues, func(a, b backlog.Queue) int { return cmp.Compare(a.Name, b.Name) })
	return queues
}
