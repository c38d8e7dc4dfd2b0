// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import "time"

const (
	// overdueAfter is how long an agent has to take up a document: several times what
	// the kubelet needs to pass it on.
	overdueAfter = 3 * time.Second
	// overdueDoublings bounds the time between two writes of one document to a pod.
	overdueDoublings = 4
)

// PodWrite is the last write to a pod.
type PodWrite struct {
	// Version is the resource version that resulted from the write.
	Version string
	// At is the time of the write, and Again the number of earlier writes of the same
	// document.
	At    time.Time
	Again int
}

// Next returns the record of a write that follows this one. again reports whether the
// pod's agent has taken up no document since.
func (w PodWrite) Next(version string, at time.Time, again bool) PodWrite {
	next := PodWrite{Version: version, At: at}
	if again {
		next.Again = w.Again + 1
	}
	return next
}

// wait returns how long the agent has to take up the document.
func (w PodWrite) wait() time.Duration { return overdueAfter << min(w.Again, overdueDoublings) }

// overdue reports whether an agent that answered at heard should have taken up the
// document by then.
func (w PodWrite) overdue(now, heard time.Time) bool {
	if w.At.IsZero() {
		return false
	}
	return now.Sub(w.At) >= w.wait() && heard.Sub(w.At) >= overdueAfter/2
}
