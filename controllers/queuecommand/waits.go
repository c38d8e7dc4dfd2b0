// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queuecommand

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// waits holds, for each ListFailed, since when this process has waited for a probe. A
// new process begins anew, because no probe was asked meanwhile.
type waits struct {
	mu sync.Mutex
	of map[types.NamespacedName]*wait
}

type wait struct {
	uid types.UID
	// since is when the wait began, moved forward by the time in which other probes
	// were asked.
	since time.Time
	// held is since when other probes are asked; zero if this probe is.
	held time.Time
}

// begin returns since when a command has waited.
func (w *waits) begin(name types.NamespacedName, uid types.UID, now time.Time) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of == nil {
		w.of = map[types.NamespacedName]*wait{}
	}
	known := w.of[name]
	if known == nil || known.uid != uid {
		known = &wait{uid: uid, since: now}
		w.of[name] = known
	}
	if !known.held.IsZero() {
		known.since, known.held = known.since.Add(now.Sub(known.held)), time.Time{}
	}
	return known.since
}

// hold notes that other probes are asked until the command's next turn.
func (w *waits) hold(name types.NamespacedName, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if known := w.of[name]; known != nil {
		known.held = now
	}
}

func (w *waits) forget(name types.NamespacedName) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.of, name)
}
