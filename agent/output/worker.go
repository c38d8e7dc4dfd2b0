// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"sync"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
)

// Worker holds what is known about one process from its output on both streams.
type Worker struct {
	mu      sync.Mutex
	parser  dialect.Parser
	ledger  *dialect.Ledger
	tail    tail
	printed bool
}

// NewWorker returns a worker whose lines parser reads. With a nil parser it counts no
// jobs.
func NewWorker(parser dialect.Parser, concurrent bool) *Worker {
	return &Worker{parser: parser, ledger: dialect.NewLedger(concurrent)}
}

// Report returns the counts since the last call, and whether anything was ever printed.
func (w *Worker) Report() (tally dialect.Tally, printed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ledger.Take(), w.printed
}

// Tail returns the last lines that were not job events.
func (w *Worker) Tail() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tail.text()
}

// line examines one line and reports whether it holds a job event. The caller must hold
// the lock.
func (w *Worker) line(content []byte, events bool, now time.Time) bool {
	w.printed = true
	var event dialect.Event
	if events && w.parser != nil && w.parser.Parse(content, &event) {
		w.ledger.Apply(&event, now)
		return true
	}
	w.tail.add(content)
	return false
}
