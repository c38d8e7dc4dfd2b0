// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	"queueworker.dev/queueworker/controllers/alerts"
	"queueworker.dev/queueworker/controllers/scaling"
	"queueworker.dev/queueworker/controllers/stuck"
)

// Memory is what the operator remembers about a pool between decisions. Nothing in it is
// needed for correct decisions: it makes them steadier and better informed. A Memory is a
// value: its methods return the next one and change nothing.
type Memory struct {
	// Since is when this operator first looked at the pool.
	Since time.Time
	// Size is the last decided size, in processes, or the present size of the pool if
	// nothing was decided yet.
	Size int32
	// Scaling is the memory of the last scaling decision.
	Scaling scaling.Memory
	// Completed counts the work that the pool has completed.
	Completed scaling.Completed
	// StartLatency is the time that pods of the pool take to start; 0 if unknown.
	StartLatency time.Duration
	// LastActivity is the time since when the workers have reported nothing new.
	LastActivity time.Time
	// Stuck is the memory of the last look for stuck workers.
	Stuck stuck.Memory
	// Alerts is the memory of the last judgement of the jobs' health.
	Alerts alerts.Memory
	// Foreign is the other client that last wrote the Deployment's replicas.
	Foreign ForeignScaler

	tally    tally
	activity activityLog
}

// Observed returns the memory with what was observed now.
func (m Memory) Observed(w *World) Memory {
	if m.Since.IsZero() {
		m.Since = w.Now
		m.Size = sizeBefore(w)
	}
	m.tally = m.tally.next(m.Since, w.Pods, w.Reports.Ended)
	m.Completed = m.tally.completed
	m.StartLatency = startLatency(w.Pods, m.StartLatency)
	m.activity = m.activity.next(w.Pods)
	m.LastActivity = m.activity.since
	m.Foreign = m.Foreign.next(w)
	return m
}

// sizeBefore returns a pool's size as an earlier operator left it.
func sizeBefore(w *World) int32 {
	if w.Worker.Status.ObservedGeneration > 0 {
		return w.Worker.Status.Desired
	}
	return 0
}
