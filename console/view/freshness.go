// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// FreshnessCode names why some rows of workers are not live. Each user interface has its
// own words for it.
type FreshnessCode string

// The reasons.
const (
	// PodsRefused: the caller may not list pods, so every row comes from the status.
	PodsRefused FreshnessCode = "PodsRefused"
	// AgentsRefused: the caller may not use the proxy of pods, so every row comes from the
	// status.
	AgentsRefused FreshnessCode = "AgentsRefused"
	// AgentsSilent: Silent of Running pods do not answer, so their rows come from the status.
	AgentsSilent FreshnessCode = "AgentsSilent"
)

// Freshness says how old the rows of a snapshot's workers are, and why. Without a code, all
// rows are live.
type Freshness struct {
	Code FreshnessCode `json:"code,omitempty"`
	// Age is the age of the oldest status that rows come from; negative if it is unknown.
	Age time.Duration `json:"age,omitempty"`
	// Silent and Running count pods. Silence is the error of the last agent that did not
	// answer.
	Silent  int    `json:"silent,omitempty"`
	Running int    `json:"running,omitempty"`
	Silence string `json:"silence,omitempty"`
}

// Freshness says how old the rows of the snapshot's workers are.
func (s *Snapshot) Freshness() Freshness {
	age := s.OldestStatus(func(status *v1alpha1.QueueWorkerStatus) bool { return len(status.Workers) > 0 })
	switch {
	case s.PodsRefused:
		return Freshness{Code: PodsRefused, Age: age}
	case s.AgentsRefused:
		return Freshness{Code: AgentsRefused, Age: age}
	}
	out := Freshness{Code: AgentsSilent, Age: age}
	for i := range s.Pods {
		pod := &s.Pods[i]
		if pod.Phase != corev1.PodRunning {
			continue
		}
		out.Running++
		if pod.Answer == nil && pod.Silence != "" {
			out.Silent++
			out.Silence = pod.Silence
		}
	}
	if out.Silent == 0 {
		return Freshness{}
	}
	return out
}

// OldestStatus returns the age of the oldest status for which tells is true; negative if
// none has a known age.
func (s *Snapshot) OldestStatus(tells func(*v1alpha1.QueueWorkerStatus) bool) time.Duration {
	oldest := time.Duration(-1)
	for i := range s.Pools {
		if at := StatusTime(&s.Pools[i]); at != nil && tells(&s.Pools[i].Status) {
			oldest = max(oldest, s.Time.Sub(at.Time))
		}
	}
	return oldest
}

// StatusTime returns when the operator last wrote a QueueWorker's status; nil if unknown.
func StatusTime(pool *v1alpha1.QueueWorker) *metav1.Time {
	for i := range pool.ManagedFields {
		entry := &pool.ManagedFields[i]
		if entry.Manager == v1alpha1.FieldManager && entry.Subresource == "status" {
			return entry.Time
		}
	}
	return nil
}

// Recent is the greatest age of a figure that is shown as current.
const Recent = 5 * time.Second
