// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestStuckWorkerIsRestarted makes one of two workers take no jobs although it is alive:
// Laravel's worker pauses itself at SIGUSR2, unknown to the agent.
func TestStuckWorkerIsRestarted(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Processes(2).Sleep(time.Second).Obj())
	l.Ready("emails", 2*time.Minute)
	pods := l.Pods("emails")
	bad, good := pods[0], pods[1]
	inState(l, &bad, protocol.WorkerIdle)
	inState(l, &good, protocol.WorkerIdle)
	badPID, goodPID := l.WorkerPID(&bad), l.WorkerPID(&good)
	l.Signal(badPID, syscall.SIGUSR2)
	// These jobs keep a single worker busy for longer than the operator needs to notice.
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "2", Count: 60, Run: "stuck"})
	dispatched := time.Now()

	l.Eventually("it is told", 2*time.Minute, func() (bool, string) {
		stuck := condition(l, "emails", v1alpha1.ConditionWorkersStuck)
		return stuck.Status == metav1.ConditionTrue && stuck.Reason == v1alpha1.ReasonIdleWithWork && strings.Contains(stuck.Message, bad.Name),
			fmt.Sprintf("%+v %+v", stuck, l.Truth("stuck"))
	})
	told := time.Since(dispatched)
	t.Logf("told after %s: %s", told.Round(time.Second), condition(l, "emails", v1alpha1.ConditionWorkersStuck).Message)
	l.Eventually("the event is there", 30*time.Second, func() (bool, string) {
		events := &eventsv1.EventList{}
		if err := l.Client.List(l.Ctx, events, client.InNamespace(l.Namespace)); err != nil {
			return false, err.Error()
		}
		for i := range events.Items {
			if event := &events.Items[i]; event.Reason == v1alpha1.EventStuck {
				return strings.Contains(event.Note, bad.Name), event.Note
			}
		}
		return false, "none"
	})
	inState(l, &bad, protocol.WorkerBusy)
	l.Eventually("it is told no more", 30*time.Second, func() (bool, string) {
		stuck := condition(l, "emails", v1alpha1.ConditionWorkersStuck)
		return stuck.Type == "", fmt.Sprintf("%+v", stuck)
	})
	if l.WorkerPID(&bad) == badPID {
		t.Errorf("process %d of pod %s was not replaced", badPID, bad.Name)
	}
	if l.WorkerPID(&good) != goodPID {
		t.Errorf("process %d of pod %s, which was not stuck, was replaced", goodPID, good.Name)
	}
	pod := &corev1.Pod{}
	if l.Get(good.Name, pod); pod.Annotations[v1alpha1.AnnotationRestartedAt] != "" {
		t.Errorf("pod %s, which was not stuck, was restarted", good.Name)
	}
	l.Settled("stuck", 3*time.Minute)
	begunAndEndedOnce(l, "stuck")
	t.Logf("restarted, and all 60 jobs done once after %s", time.Since(dispatched).Round(time.Second))
}

// inState waits until the agent of a pod reports its only process in a state.
func inState(l *lab.Lab, pod *corev1.Pod, want protocol.WorkerState) {
	l.Helper()
	l.Eventually(fmt.Sprintf("the process of pod %s is %s", pod.Name, want), time.Minute, func() (bool, string) {
		status, err := l.Agent(pod)
		return err == nil && len(status.Workers) == 1 && status.Workers[0].State == want, fmt.Sprintf("%+v %v", status, err)
	})
}
