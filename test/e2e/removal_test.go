// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestPodRemovedWhileItStarts deletes pods before they are ready, so that their agents
// receive SIGTERM at every moment of their start. An agent that missed the signal would
// work until the end of its grace period, which is longer than this test waits.
func TestPodRemovedWhileItStarts(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Create(customApp(l, "custom", "sh", "-c", "trap exit TERM; while :; do sleep 1 & wait; done"))
	l.Create(builders.QueueWorker(l.Namespace, "emails").App("custom").Processes(4).Timeout(time.Hour).Obj())
	removals := lab.Either(300, 40)
	removed := map[string]bool{}
	l.Eventually(fmt.Sprintf("%d pods were removed before they were ready", removals), 10*time.Minute, func() (bool, string) {
		for _, pod := range l.Pods("emails") {
			if removed[pod.Name] || pod.Status.PodIP == "" && !initialized(&pod) {
				continue
			}
			if err := l.Client.Delete(l.Ctx, &pod); client.IgnoreNotFound(err) != nil {
				l.Fatalf("delete pod %s: %v", pod.Name, err)
			}
			removed[pod.Name] = true
		}
		return len(removed) >= removals, fmt.Sprint(len(removed), " were")
	})
	l.Eventually("they are gone", 5*time.Minute, func() (bool, string) {
		pods := &corev1.PodList{}
		if err := l.Client.List(l.Ctx, pods, client.InNamespace(l.Namespace)); err != nil {
			return false, err.Error()
		}
		left := 0
		for i := range pods.Items {
			if removed[pods.Items[i].Name] {
				left++
			}
		}
		return left == 0, fmt.Sprint(left, " are left")
	})
}

// initialized reports whether the pod's own containers are about to start.
func initialized(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodInitialized {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
