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

// Freshness says how old the rows of a snapshot's workers are, and why, if some are not
// live. It returns an empty string if all are live.
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

// statusAge returns the age of the oldest status in the snapshot that lists workers.
func (s *Snapshot) statusAge() string {
	oldest := s.oldestStatus(func(status *v1alpha1.QueueWorkerStatus) bool { return len(status.Workers) > 0 })
	if oldest < 0 {
		return "an unknown time"
	}
	return short(oldest) + " ago"
}

// oldestStatus returns the age of the oldest status for which tells is true; negative if
// none has a known age.
func (s *Snapshot) oldestStatus(tells func(*v1alpha1.QueueWorkerStatus) bool) time.Duration {
	oldest := time.Duration(-1)
	for i := range s.Pools {
		if at := statusTime(&s.Pools[i]); at != nil && tells(&s.Pools[i].Status) {
			oldest = max(oldest, s.Time.Sub(at.Time))
		}
	}
	return oldest
}

// recent is the greatest age of a figure that is shown as current.
const recent = 5 * time.Second

// NoWorkers says why there is no worker to show; nothing is the text if there are no
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

// stateWord returns a pool's state as part of a sentence.
func stateWord(pool *v1alpha1.QueueWorker) string {
	if pool.Status.State == "" {
		return "not looked at by the operator yet"
	}
	return strings.ToLower(string(pool.Status.State))
}
