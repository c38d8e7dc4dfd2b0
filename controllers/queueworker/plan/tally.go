// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/scaling"
	"queueworker.dev/queueworker/controllers/telemetry"
)

// tally adds up the work that a pool's pods have completed since this operator first
// looked, as a base for rates. Unlike the totals of the status, it knows how long the
// attempts took, and need not be right across a restart of the operator.
type tally struct {
	completed scaling.Completed
	// counted holds the counts of each pod that completed contains.
	counted map[types.UID]protocol.Counters
}

// next adds the present reports.
func (t tally) next(since time.Time, pods []*Pod, endings []telemetry.Ended) tally {
	present := map[types.UID]protocol.Counters{}
	add := func(uid types.UID, counters protocol.Counters, baseline bool) {
		last, known := present[uid] // a pod may have a report and have ended since
		if !known {
			last, known = t.counted[uid]
		}
		if !known && baseline {
			last = counters
		}
		t.completed.Attempts += max(0, counters.Attempts()-last.Attempts())
		t.completed.Seconds += max(0, float64(counters.JobMilliseconds-last.JobMilliseconds)/1000)
		present[uid] = counters
	}
	for _, pod := range pods {
		if report := pod.Report.Status; report != nil {
			// Work that a pod did before this operator looked is not news.
			add(pod.UID, report.Counters, pod.CreationTimestamp.Time.Before(since))
		} else if last, known := t.counted[pod.UID]; known {
			present[pod.UID] = last
		}
	}
	for _, ended := range endings {
		switch last, known := t.counted[ended.UID]; {
		case ended.Final != nil:
			add(ended.UID, ended.Final.Counters, !known)
		case known:
			present[ended.UID] = last
		}
	}
	t.counted = present
	return t
}

// startLatency returns the time from creation until ready, as the median over the pods
// that have stayed ready; last if there are none.
func startLatency(pods []*Pod, last time.Duration) time.Duration {
	// A pod that took longer was waiting for something else, such as a node or an image.
	const longest = 5 * time.Minute
	var took []time.Duration
	for _, pod := range pods {
		if since := podstate.ReadySince(pod.Pod); since != nil {
			if d := since.Sub(pod.CreationTimestamp.Time); d >= 0 && d <= longest {
				took = append(took, d)
			}
		}
	}
	if len(took) == 0 {
		return last
	}
	slices.Sort(took)
	return took[len(took)/2]
}
