// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// rateWindow is the time over which a rate is measured.
const rateWindow = 30 * time.Second

// Rate measures how many jobs end, from one snapshot to the next.
type Rate struct{ samples []rateSample }

type rateSample struct {
	at   time.Time
	ends map[types.UID]int64
}

// Add adds a snapshot.
func (r *Rate) Add(s *Snapshot) {
	sample := rateSample{s.Time, map[types.UID]int64{}}
	for i := range s.Pods {
		if answer := s.Pods[i].Answer; answer != nil {
			sample.ends[s.Pods[i].UID] = answer.Counters.Processed + answer.Counters.Failed
		}
	}
	r.samples = append(r.samples, sample)
	for len(r.samples) > 2 && sample.at.Sub(r.samples[1].at) >= rateWindow {
		r.samples = r.samples[1:]
	}
}

// PerMinute returns how many jobs end per minute, in the pods that exist at both ends of
// the window. ok is false until two snapshots have been added.
func (r *Rate) PerMinute() (rate float64, ok bool) {
	if len(r.samples) < 2 {
		return 0, false
	}
	first, last := r.samples[0], r.samples[len(r.samples)-1]
	took := last.at.Sub(first.at)
	if took <= 0 {
		return 0, false
	}
	var ended int64
	for uid, now := range last.ends {
		if before, there := first.ends[uid]; there {
			ended += max(now-before, 0)
		}
	}
	return float64(ended) / took.Minutes(), true
}
