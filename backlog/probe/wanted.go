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
// request may name: the longest not asked for make room.
type wanted map[string]wish

type wish struct {
	soon  time.Duration
	asked time.Time
}

func (w wanted) add(queues []string, soon time.Duration, now time.Time) {
	for _, name := range queues {
		w[name] = wish{soon: soon, asked: now}
	}
	excess := len(w) - protocol.MaxBacklogQueues
	if excess <= 0 {
		return
	}
	oldest := slices.SortedFunc(maps.Keys(w), func(a, b string) int { return w[a].asked.Compare(w[b].asked) })
	for _, name := range oldest[:excess] {
		delete(w, name)
	}
}

// list returns the queues to be measured, by name, and forgets those that nobody
// has asked for lately.
func (w wanted) list(now time.Time) []backlog.Queue {
	queues := make([]backlog.Queue, 0, len(w))
	for name, wish := range w {
		if now.Sub(wish.asked) > remembered {
			delete(w, name)
			continue
		}
		queues = append(queues, backlog.Queue{Name: name, Soon: wish.soon})
	}
	slices.SortFunc(queues, func(a, b backlog.Queue) int { return cmp.Compare(a.Name, b.Name) })
	return queues
}
