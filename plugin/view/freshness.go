// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Freshness says of when the rows of a snapshot's workers are where they are not of
// now, and why; empty where all are of now.
func Freshness(s *Snapshot) string {
	switch {
	case s.PodsRefused != "":
		return fmt.Sprintf("As of %s, since %s: shown is what the QueueWorkers' status says.", s.statusAge(), s.PodsRefused)
	case s.AgentsRefused != "":
		return fmt.Sprintf("As of %s, since %s: shown is what the QueueWorkers' status says.", s.statusAge(), s.AgentsRefused)
	}
	silent, running, reason := 0, 0, ""
	for i := range s.Pods {
		pod := &s.Pods[i]
		if pod.Phase != corev1.PodRunning {
			continue
		}
		running++
		if pod.Answer == nil && pod.Silence != "" {
			silent++
			reason = pod.Silence
		}
	}
	if silent == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d pods do not answer; their rows are as of %s, from the status. The last one: %s", silent, running, s.statusAge(), Clean(reason))
}

// statusAge is how long ago the oldest status in sight that tells of workers was written.
func (s *Snapshot) statusAge() string {
	oldest := s.oldestStatus(func(status *v1alpha1.QueueWorkerStatus) bool { return len(status.Workers) > 0 })
	if oldest < 0 {
		return "an unknown time"
	}
	return short(oldest) + " ago"
}

// oldestStatus is how long ago the oldest status was written of those that tell of
// something; negative if that is not known of any.
func (s *Snapshot) oldestStatus(tells func(*v1alpha1.QueueWorkerStatus) bool) time.Duration {
	oldest := time.Duration(-1)
	for i := range s.Pools {
		if at := statusTime(&s.Pools[i]); at != nil && tells(&s.Pools[i].Status) {
			oldest = max(oldest, s.Time.Sub(at.Time))
		}
	}
	return oldest
}

// recent is how old a figure may be that is shown as one of now.
const recent = 5 * time.Second

// NoWorkers says why there is no worker to show; nothing is what to say where there are no
// pools either.
func NoWorkers(s *Snapshot, nothing string) string {
	if len(s.Pools) == 0 {
		return nothing
	}
	var states []string
	for i := range s.Pools {
		states = append(states, s.Pools[i].Name+" is "+stateWord(&s.Pools[i]))
	}
	return "There are no workers: " + strings.Join(states, ", ") + "."
}

// stateWord is a pool's state in a sentence.
func stateWord(pool *v1alpha1.QueueWorker) string {
	if pool.Status.State == "" {
		return "not looked at by the operator yet"
	}
	return strings.ToLower(string(pool.Status.State))
}
