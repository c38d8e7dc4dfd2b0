// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"strings"
	"time"

	"queueworker.dev/queueworker/agent/output"
)

// log writes the agent's own lines between the lines of its workers. It uses its own
// goroutine, so that supervision continues even if the container's log is not read.
type log struct {
	sink  *output.Sink
	lines chan string
	last  chan struct{} // closed when no more lines will be written
	done  chan struct{}
}

// waitingLines is how many lines may wait to be written; further lines are dropped.
const waitingLines = 64

func newLog(sink *output.Sink) *log {
	l := &log{sink: sink, lines: make(chan string, waitingLines), last: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return l
}

func (l *log) run() {
	defer close(l.done)
	for {
		select {
		case line := <-l.lines:
			l.sink.WriteString(line)
		case <-l.last:
			for len(l.lines) > 0 {
				l.sink.WriteString(<-l.lines)
			}
			return
		}
	}
}

// printf writes one line.
func (l *log) printf(format string, arguments ...any) {
	line := strings.ReplaceAll(fmt.Sprintf(format, arguments...), "\n", " ")
	select {
	case l.lines <- "queueworker-agent: " + line + "\n":
	default:
	}
}

// close waits until the lines so far are written, but no longer than limit. Later lines
// are not written.
func (l *log) close(limit time.Duration) {
	close(l.last)
	select {
	case <-l.done:
	case <-time.After(limit):
	}
}
