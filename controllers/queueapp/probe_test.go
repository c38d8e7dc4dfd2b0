// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueapp

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/test/builders"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestProbeAmong(t *testing.T) {
	at := func(name, ip string, created time.Time) *corev1.Pod {
		pod := builders.Pod(name, created)
		pod.Status.PodIP = ip
		return pod
	}
	with := func(pod *corev1.Pod, change func(*corev1.Pod)) *corev1.Pod {
		changed := pod.DeepCopy()
		change(changed)
		return changed
	}
	old, new6 := at("old", "10.0.0.1", noon), at("new", "fd00::1", noon.Add(time.Minute))
	going := func(pod *corev1.Pod) { pod.DeletionTimestamp = &metav1.Time{Time: noon} }
	broken := func(pod *corev1.Pod) {
		pod.Status = corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{{
			Name: "worker", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CreateContainerConfigError", Message: `secret "shop-env" not found`}},
		}}}
	}
	tests := map[string]struct {
		pods    []*corev1.Pod
		address string
		phrase  string
	}{
		"no pods":                       {},
		"the newest":                    {pods: []*corev1.Pod{new6, old}, address: "[fd00::1]:9797"},
		"the newest that stays":         {pods: []*corev1.Pod{with(new6, going), old}, address: "10.0.0.1:9797"},
		"the old one until the new one": {pods: []*corev1.Pod{old, with(new6, broken)}, address: "10.0.0.1:9797"},
		"none that runs":                {pods: []*corev1.Pod{with(old, broken)}, phrase: `secret "shop-env" not found`},
		"no address yet":                {pods: []*corev1.Pod{at("a", "", noon)}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := probeAmong(tc.pods)
			if got.Address != tc.address || (got.UID == "") != (tc.address == "") {
				t.Errorf("probeAmong() = %+v, want the address %q", got, tc.address)
			}
			if !strings.Contains(got.Message, tc.phrase) || (got.Reason == protocol.BacklogUnreachable) != (tc.phrase != "") {
				t.Errorf("probeAmong() = %+v, want %q in it", got, tc.phrase)
			}
		})
	}
}
