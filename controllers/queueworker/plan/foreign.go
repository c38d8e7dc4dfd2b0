// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	"queueworker.dev/queueworker/controllers/podstate"
)

// foreignFor is how long another client's write of the Deployment's replicas is reported.
// An autoscaler that is aimed at the wrong object writes again within that time.
const foreignFor = 5 * time.Minute

// ForeignScaler is the other client that last wrote the number of pods of a pool's
// Deployment.
type ForeignScaler struct {
	// manager is the field manager of the write, wrote the time that the write states.
	manager string
	wrote   time.Time
	// seen is when the operator first saw the write.
	seen time.Time
}

// next notes who owns the Deployment's replicas. The operator takes the field back with
// its next write. A client that wrote the same number as the operator stays an owner
// beside it, for that one write.
func (f ForeignScaler) next(w *World) ForeignScaler {
	manager, wrote := podstate.ReplicasManager(w.Deployment)
	if manager != "" && (manager != f.manager || !wrote.Equal(f.wrote)) {
		return ForeignScaler{manager, wrote, w.Now}
	}
	return f
}

// Left returns how long the write is still reported; 0 if there is none.
func (f ForeignScaler) Left(now time.Time) time.Duration {
	if f.manager == "" {
		return 0
	}
	return max(0, f.seen.Add(foreignFor).Sub(now))
}

// told returns the client that is reported; empty if there is none.
func (f ForeignScaler) told(now time.Time) string {
	if f.Left(now) == 0 {
		return ""
	}
	return f.manager
}
