// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"queueworker.dev/queueworker/api/protocol"
)

const (
	// maxContainers is more containers of each sort than a pod of the operator reports.
	maxContainers = 20
	// maxMessage bounds a kubelet's message, in bytes; a status shows less.
	maxMessage = 1 << 10
	// maxLastWord bounds a termination message, as a kubelet does, in bytes.
	maxLastWord = 4 << 10
	// maxImage bounds the name of an image, as a status of the operator does, in bytes.
	maxImage = 1 << 10
)

var (
	kindSet = schema.GroupKind{Group: appsv1.GroupName, Kind: "ReplicaSet"}
	kindJob = schema.GroupKind{Group: batchv1.GroupName, Kind: "Job"}
)

// SlimPod drops the parts of a pod that no reconcile uses, before the cache keeps the
// pod. With ten thousand pods these parts would take most of the operator's memory.
func SlimPod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	if !slimChild(pod, keptAnnotations, kindSet, kindJob) {
		pod.Spec, pod.Status = corev1.PodSpec{}, corev1.PodStatus{}
		return pod, nil
	}
	worker := reportingContainer(pod.Spec.Containers)
	pod.Spec = corev1.PodSpec{NodeName: pod.Spec.NodeName}
	name := ""
	if worker != nil {
		name = worker.Name
		pod.Spec.Containers = []corev1.Container{{Name: name, Ports: agentPorts(worker.Ports)}}
	}
	slimPodStatus(&pod.Status, name)
	return pod, nil
}

// reportingContainer returns the container that runs an agent or a probe; nil if none does.
func reportingContainer(containers []corev1.Container) *corev1.Container {
	for i := range containers {
		if slices.ContainsFunc(containers[i].Ports, func(port corev1.ContainerPort) bool { return port.Name == protocol.PortName }) {
			return &containers[i]
		}
	}
	return nil
}

// agentPorts returns the names of the ports on which an agent or a probe answers. From
// them the operator knows how to ask.
func agentPorts(ports []corev1.ContainerPort) []corev1.ContainerPort {
	kept := []corev1.ContainerPort{{Name: protocol.PortName}}
	if slices.ContainsFunc(ports, func(port corev1.ContainerPort) bool { return port.Name == protocol.OperatorPortName }) {
		kept = append(kept, corev1.ContainerPort{Name: protocol.OperatorPortName})
	}
	return kept
}

// slimPodStatus keeps where a pod is, whether it is placed and ready, and why its
// containers wait. It also keeps how the worker's container, the command's container
// and the init containers ended.
func slimPodStatus(status *corev1.PodStatus, worker string) {
	*status = corev1.PodStatus{
		Phase: status.Phase, PodIP: status.PodIP, Reason: bound(status.Reason, maxName), Message: bound(status.Message, maxMessage),
		Conditions:            slimPodConditions(status.Conditions),
		InitContainerStatuses: slimContainers(status.InitContainerStatuses, worker),
		ContainerStatuses:     slimContainers(status.ContainerStatuses, worker),
	}
}

func slimPodConditions(all []corev1.PodCondition) []corev1.PodCondition {
	var kept []corev1.PodCondition
	for _, condition := range all {
		if condition.Type == corev1.PodScheduled || condition.Type == corev1.PodReady {
			kept = append(kept, corev1.PodCondition{
				Type: condition.Type, Status: condition.Status, LastTransitionTime: condition.LastTransitionTime,
				Reason: bound(condition.Reason, maxName), Message: bound(condition.Message, maxMessage),
			})
		}
	}
	return bounded(kept, 2)
}

// slimContainers keeps termination messages in full for the worker's container, and for
// the first container of a pod without one, such as a command's pod. Messages of other
// containers are cut, because each may have 4 KiB.
func slimContainers(all []corev1.ContainerStatus, worker string) []corev1.ContainerStatus {
	var kept []corev1.ContainerStatus
	for i := range all {
		from := &all[i]
		words := maxMessage
		if from.Name == worker || worker == "" && i == 0 {
			words = maxLastWord
		} else if len(kept) >= maxContainers {
			continue
		}
		kept = append(kept, corev1.ContainerStatus{
			Name: bound(from.Name, maxName), Image: bound(from.Image, maxImage), ImageID: bound(from.ImageID, maxImage),
			Ready: from.Ready, RestartCount: from.RestartCount,
			State: slimState(from.State, words), LastTerminationState: slimState(from.LastTerminationState, words),
		})
	}
	return kept
}

func slimState(from corev1.ContainerState, words int) corev1.ContainerState {
	out := corev1.ContainerState{Running: from.Running}
	if waiting := from.Waiting; waiting != nil {
		out.Waiting = &corev1.ContainerStateWaiting{Reason: bound(waiting.Reason, maxName), Message: bound(waiting.Message, maxMessage)}
	}
	if ended := from.Terminated; ended != nil {
		out.Terminated = &corev1.ContainerStateTerminated{
			ExitCode: ended.ExitCode, Signal: ended.Signal, Reason: bound(ended.Reason, maxName), Message: bound(ended.Message, words),
			StartedAt: ended.StartedAt, FinishedAt: ended.FinishedAt,
		}
	}
	return out
}
