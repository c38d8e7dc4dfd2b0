// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/status"
)

// TestTheEndOfAPodIsExpectedForAWhile: a pod that loses its label leaves the pool, and no
// event reports its end.
func TestTheEndOfAPodIsExpectedForAWhile(t *testing.T) {
	memory := (&memory{}).of(types.NamespacedName{Namespace: "ns", Name: "emails"})
	for _, step := range []struct {
		what     string
		pods     []*corev1.Pod
		reports  collector.Snapshot
		expected bool
	}{
		{"never seen", nil, collector.Snapshot{Departed: []types.UID{"a"}}, false},
		{"present", []*corev1.Pod{{ObjectMeta: metav1.ObjectMeta{UID: "a"}}}, collector.Snapshot{}, true},
		{"missing of late", nil, collector.Snapshot{Departed: []types.UID{"a"}}, true},
		{"ended, which the status does not tell yet", nil, collector.Snapshot{Ended: []collector.Ended{{UID: "a"}}}, true},
		{"missing for long", nil, collector.Snapshot{}, false},
	} {
		in := memory.add(&observation{pods: step.pods, reports: step.reports}, status.Input{})
		if in.Expected["a"] != step.expected {
			t.Errorf("%s: word of its end is expected: %t, want %t", step.what, in.Expected["a"], step.expected)
		}
	}
	if len(memory.seen) != 0 {
		t.Errorf("%d pods are remembered that are gone", len(memory.seen))
	}
}
