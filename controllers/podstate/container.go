// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podstate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
)

// WorkerContainer returns the status of the pod's container that runs the agent, which is
// the container with the agent's port; nil if it has no status yet.
func WorkerContainer(pod *corev1.Pod) *corev1.ContainerStatus {
	for i := range pod.Spec.Containers {
		container := &pod.Spec.Containers[i]
		if !slices.ContainsFunc(container.Ports, func(port corev1.ContainerPort) bool { return port.Name == protocol.PortName }) {
			continue
		}
		for j := range pod.Status.ContainerStatuses {
			if pod.Status.ContainerStatuses[j].Name == container.Name {
				return &pod.Status.ContainerStatuses[j]
			}
		}
	}
	return nil
}

// Started reports whether a container ever ran a worker. The kubelet also reports
// containers as terminated that it never started, and gives them no start time. And an
// agent that must end before it listens to signals ends without a message, with code 2
// of the Go runtime, and has started nothing.
func Started(container *corev1.ContainerStatus) bool {
	terminated := container.State.Terminated
	if container.RestartCount > 0 || terminated == nil {
		return container.RestartCount > 0 || container.State.Running != nil
	}
	return !terminated.StartedAt.IsZero() && (terminated.ExitCode != 2 || terminated.Message != "")
}
