// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podstate

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// RollingOut reports whether a Deployment is replacing its pods.
func RollingOut(live *appsv1.Deployment) bool {
	return live.Status.ObservedGeneration < live.Generation || live.Status.UpdatedReplicas < live.Status.Replicas
}

// DeadlinePassed reports whether a rollout will not end by itself: it is late, or a
// user has paused it.
func DeadlinePassed(live *appsv1.Deployment) bool {
	if live.Spec.Paused {
		return true
	}
	for _, condition := range live.Status.Conditions {
		if condition.Type == appsv1.DeploymentProgressing {
			return condition.Status == corev1.ConditionFalse && condition.Reason == "ProgressDeadlineExceeded"
		}
	}
	return false
}

// MaxSurge returns how many pods more than its replicas a rollout may have.
func MaxSurge(live *appsv1.Deployment) int32 {
	rolling := live.Spec.Strategy.RollingUpdate
	if rolling == nil || live.Spec.Replicas == nil {
		return 0
	}
	surge, err := intstr.GetScaledValueFromIntOrPercent(rolling.MaxSurge, int(*live.Spec.Replicas), true)
	if err != nil {
		return 0
	}
	return int32(surge)
}
