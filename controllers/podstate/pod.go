// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podstate

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Ended reports whether all containers of a pod have ended for good.
func Ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// Active reports whether a pod counts for its ReplicaSet.
func Active(pod *corev1.Pod) bool { return pod.DeletionTimestamp == nil && !Ended(pod) }

// Running reports whether a pod's phase is Running.
func Running(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning }

// ReadySince returns since when a pod's condition Ready is true; nil if it is not.
func ReadySince(pod *corev1.Pod) *metav1.Time {
	for i := range pod.Status.Conditions {
		if condition := &pod.Status.Conditions[i]; condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
			return &condition.LastTransitionTime
		}
	}
	return nil
}

// PausedAlone reports whether a pod is paused by its own annotation.
func PausedAlone(pod *corev1.Pod) bool {
	return pod.Annotations[v1alpha1.AnnotationPaused] == v1alpha1.AnnotationTrue
}

// OfRun reports whether a pod belongs to a run.
func OfRun(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	return owner != nil && owner.Kind == "Job"
}

// DeletionCost returns a pod's deletion cost. An unreadable cost is 0, as for the
// ReplicaSet controller.
func DeletionCost(pod *corev1.Pod) int32 {
	cost, err := strconv.ParseInt(pod.Annotations[corev1.PodDeletionCost], 10, 32)
	if err != nil {
		return 0
	}
	return int32(cost)
}
