// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestForeignScalerIsNamedAndUndone has another client scale the Deployment of a pool.
func TestForeignScalerIsNamedAndUndone(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Processes(2).Sleep(time.Second).Obj())
	l.Ready("emails", 2*time.Minute)
	if conflict := condition(l, "emails", v1alpha1.ConditionConflict); conflict.Type != "" {
		t.Errorf("nobody has interfered, and still: %+v", conflict)
	}
	l.Resize(&appsv1.Deployment{}, "emails-worker", 5, "somebody")
	written := time.Now()
	l.Eventually("the operator has set the size back and says whose it was", 30*time.Second, func() (bool, string) {
		deployment := &appsv1.Deployment{}
		l.Get("emails-worker", deployment)
		conflict := condition(l, "emails", v1alpha1.ConditionConflict)
		return *deployment.Spec.Replicas == 2 && conflict.Status == metav1.ConditionTrue && conflict.Reason == v1alpha1.ReasonForeignScaler &&
			strings.Contains(conflict.Message, `"somebody"`), fmt.Sprintf("%d replicas, %+v", *deployment.Spec.Replicas, conflict)
	})
	t.Logf("after %s: %s", time.Since(written).Round(100*time.Millisecond), condition(l, "emails", v1alpha1.ConditionConflict).Message)
	podsAre(l, "emails", 2, time.Minute)
}

// TestAutoscalerDrivesTheScaleSubresource lets Kubernetes' own autoscaler size a pool.
// Without metrics the autoscaler only keeps to its bounds, and that is enough here.
func TestAutoscalerDrivesTheScaleSubresource(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Sleep(time.Second).Obj())
	l.Create(&autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "emails"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: v1alpha1.GroupVersion.String(), Kind: "QueueWorker", Name: "emails"},
			MinReplicas:    new(int32(3)), MaxReplicas: 3,
			Metrics: []autoscalingv2.MetricSpec{{
				Type: autoscalingv2.ResourceMetricSourceType,
				Resource: &autoscalingv2.ResourceMetricSource{
					Name:   corev1.ResourceCPU,
					Target: autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: new(int32(80))},
				},
			}},
		},
	})
	podsAre(l, "emails", 3, 90*time.Second)
	l.Ready("emails", time.Minute)

	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "5", Count: 18, Run: "busy"})
	l.Eventually("every process has a job", time.Minute, func() (bool, string) {
		truth := l.Truth("busy")
		return truth.Starts-truth.Ends == 3, fmt.Sprintf("%+v", truth)
	})
	lab.Update(l, "emails", &autoscalingv2.HorizontalPodAutoscaler{}, func(hpa *autoscalingv2.HorizontalPodAutoscaler) {
		hpa.Spec.MinReplicas, hpa.Spec.MaxReplicas = new(int32(1)), 1
	})
	podsAre(l, "emails", 1, 90*time.Second)
	if processes := l.Worker("emails").Spec.Processes; processes == nil || *processes != 1 {
		t.Errorf("spec.processes is %v, want 1 as the autoscaler wrote it", processes)
	}
	l.Settled("busy", 5*time.Minute)
	begunAndEndedOnce(l, "busy")
	if conflict := condition(l, "emails", v1alpha1.ConditionConflict); conflict.Type != "" {
		t.Errorf("the QueueWorker's own size was written, and still: %+v", conflict)
	}
}

// podsAre waits until a pool has this number of pods.
func podsAre(l *lab.Lab, name string, want int, within time.Duration) {
	l.Helper()
	l.Eventually(fmt.Sprintf("%s has %d pods", name, want), within, func() (bool, string) {
		status := l.Worker(name).Status
		pods := len(l.Pods(name))
		return pods == want && int(status.Desired) == want, fmt.Sprintf("%d pods, desired %d", pods, status.Desired)
	})
}
