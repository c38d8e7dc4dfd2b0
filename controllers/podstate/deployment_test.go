// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podstate

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestRollouts(t *testing.T) {
	progressing := func(status corev1.ConditionStatus, reason string) []appsv1.DeploymentCondition {
		return []appsv1.DeploymentCondition{{Type: appsv1.DeploymentAvailable}, {Type: appsv1.DeploymentProgressing, Status: status, Reason: reason}}
	}
	tests := map[string]struct {
		status          appsv1.DeploymentStatus
		rolling, passed bool
	}{
		"done":                {status: appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3}},
		"not observed yet":    {status: appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 3, UpdatedReplicas: 3}, rolling: true},
		"old pods left":       {status: appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 1, Conditions: progressing("True", "ReplicaSetUpdated")}, rolling: true},
		"past its deadline":   {status: appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 1, Conditions: progressing("False", "ProgressDeadlineExceeded")}, rolling: true, passed: true},
		"held up for a quota": {status: appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, Conditions: progressing("False", "FailedCreate")}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			live := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Generation: 2}, Status: tc.status}
			if RollingOut(live) != tc.rolling || DeadlinePassed(live) != tc.passed {
				t.Errorf("rolling out %t, past its deadline %t; want %t, %t", RollingOut(live), DeadlinePassed(live), tc.rolling, tc.passed)
			}
		})
	}
	live := &appsv1.Deployment{}
	if got := MaxSurge(live); got != 0 {
		t.Errorf("maxSurge() = %d for a Deployment that says nothing", got)
	}
	live.Spec.Replicas = new(int32(10))
	live.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{}
	for surge, want := range map[string]int32{"25%": 3, "2": 2, "x": 0} {
		live.Spec.Strategy.RollingUpdate.MaxSurge = new(intstr.Parse(surge))
		if got := MaxSurge(live); got != want {
			t.Errorf("maxSurge() = %d for %s of 10, want %d", got, surge, want)
		}
	}
}
