// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"hash/maphash"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
)

// activityLog tracks since when the workers of a pool have reported nothing new.
type activityLog struct {
	since time.Time
	told  map[types.UID]activity
}

// activity is the part of a report that changes when a worker does anything. It holds a
// hash of the jobs, because their texts can be as large as the whole report.
type activity struct {
	attempts, exits int64
	jobs            uint64
}

// activitySeed is the seed of the hashes of jobs.
var activitySeed = maphash.MakeSeed()

// next compares the present reports with the last ones.
func (l activityLog) next(pods []*Pod) activityLog {
	next := activityLog{since: l.since, told: make(map[types.UID]activity, len(pods))}
	for _, pod := range pods {
		if pod.Report.Status == nil {
			continue
		}
		now := activityOf(pod.Report.Status)
		if last, known := l.told[pod.UID]; (!known || last != now) && pod.Report.PulledAt.After(next.since) {
			next.since = pod.Report.PulledAt
		}
		next.told[pod.UID] = now
	}
	return next
}

func activityOf(report *protocol.Status) activity {
	out := activity{attempts: report.Counters.Attempts()}
	for _, n := range report.Counters.Exits {
		out.exits += n
	}
	var jobs maphash.Hash
	jobs.SetSeed(activitySeed)
	for i := range report.Workers {
		if worker := &report.Workers[i]; worker.Job != nil {
			fmt.Fprintf(&jobs, "%d %s %s\n", worker.Slot, worker.Job.ID, worker.Job.Class)
		}
	}
	out.jobs = jobs.Sum64()
	return out
}
