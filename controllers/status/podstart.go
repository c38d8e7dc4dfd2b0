// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// StartProblem returns why a pod cannot start; nil if nothing says that it cannot.
func StartProblem(pod *corev1.Pod) *effective.Problem {
	if found := startProblem(Pod{Pod: pod}); found != nil {
		return &effective.Problem{Reason: found.reason, Message: found.message}
	}
	return nil
}

func startProblem(pod Pod) *obstacle {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse && condition.Reason == corev1.PodReasonUnschedulable {
			return &obstacle{reason: v1alpha1.ReasonUnschedulable, message: fmt.Sprintf("Pod %s cannot be placed on a node: %s", pod.Name, sentence(condition.Message))}
		}
	}
	for _, container := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if waiting := container.State.Waiting; waiting != nil {
			if found := waitingProblem(pod, container, waiting); found != nil {
				return found
			}
		}
	}
	return nil
}

func waitingProblem(pod Pod, container corev1.ContainerStatus, waiting *corev1.ContainerStateWaiting) *obstacle {
	where := fmt.Sprintf("container %s of pod %s", container.Name, pod.Name)
	switch waiting.Reason {
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable":
		return &obstacle{reason: v1alpha1.ReasonImagePull, message: fmt.Sprintf(
			"The image %s of %s cannot be pulled: %s", container.Image, where, sentence(waiting.Message))}
	case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		if strings.Contains(waiting.Message, "runAsNonRoot") {
			return &obstacle{reason: v1alpha1.ReasonRunsAsRoot, final: true, message: fmt.Sprintf(
				"The image %s of %s runs as root, which its security context forbids: build it with another USER, or set runAsUser in the template.", container.Image, where)}
		}
		return &obstacle{reason: v1alpha1.ReasonPodFailed, message: fmt.Sprintf("The %s cannot be created: %s", where, sentence(waiting.Message))}
	case "CrashLoopBackOff":
		return &obstacle{reason: v1alpha1.ReasonPodFailed, message: fmt.Sprintf(
			"The %s ends again and again, and the kubelet waits before each new start (CrashLoopBackOff): %s", where, lastWords(container))}
	}
	return nil
}

// lastWords returns what a container said when it last ended.
func lastWords(container corev1.ContainerStatus) string {
	last := container.LastTerminationState.Terminated
	if last == nil {
		return "see its log."
	}
	if last.Message != "" {
		return sentence(last.Message)
	}
	return fmt.Sprintf("%s, exit code %d; see its log.", last.Reason, last.ExitCode)
}
