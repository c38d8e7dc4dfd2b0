// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	"reflect"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/podstate"
)

const (
	// maxContainers is more containers of each sort than a pod of the operator reports.
	maxContainers = 20
	// maxOthers bounds the heap that the statuses of a pod's other containers take, in
	// bytes. It has room for 40 running containers, or for a dozen that each say why they
	// do not run.
	maxOthers = 16 << 10
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

// Pod drops the parts of a pod that no reconcile uses, before the cache keeps the
// pod. With ten thousand pods these parts would take most of the operator's memory.
func Pod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	if !slimChild(pod, podstate.ReadAnnotations, kindSet, kindJob) {
		pod.Spec, pod.Status = corev1.PodSpec{}, corev1.PodStatus{}
		return pod, nil
	}
	worker := reportingContainer(pod.Spec.Containers)
	pod.Spec = corev1.PodSpec{NodeName: bound(pod.Spec.NodeName, maxName)}
	name := ""
	if worker != nil {
		name = bound(worker.Name, maxName)
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
	room := &heap{left: maxOthers}
	*status = corev1.PodStatus{
		Phase: word(status.Phase), PodIP: bound(status.PodIP, maxWord), Reason: bound(status.Reason, maxName), Message: bound(status.Message, maxMessage),
		Conditions:            slimPodConditions(status.Conditions),
		InitContainerStatuses: slimContainers(status.InitContainerStatuses, -1, room),
		ContainerStatuses:     slimContainers(status.ContainerStatuses, ownStatus(status.ContainerStatuses, worker), room),
	}
}

func slimPodConditions(all []corev1.PodCondition) []corev1.PodCondition {
	var kept []corev1.PodCondition
	told := map[corev1.PodConditionType]bool{corev1.PodScheduled: false, corev1.PodReady: false}
	for _, condition := range all {
		if before, read := told[condition.Type]; read && !before {
			told[condition.Type] = true
			kept = append(kept, corev1.PodCondition{
				Type: condition.Type, Status: word(condition.Status), LastTransitionTime: condition.LastTransitionTime,
				Reason: bound(condition.Reason, maxName), Message: bound(condition.Message, maxMessage),
			})
		}
	}
	return kept
}

// ownStatus returns the index of the status of the worker's container. In a pod without a
// worker, such as a command's pod, it is the index of the only container. The API server
// does not check that a list names each container once.
func ownStatus(all []corev1.ContainerStatus, worker string) int {
	if worker == "" {
		return 0
	}
	return slices.IndexFunc(all, func(status corev1.ContainerStatus) bool { return status.Name == worker })
}

// slimContainers keeps the status of the container at own with its termination messages
// in full. It keeps shorter statuses of the other containers while there is room.
func slimContainers(all []corev1.ContainerStatus, own int, room *heap) []corev1.ContainerStatus {
	kept := make([]corev1.ContainerStatus, 0, min(len(all), maxContainers+1))
	for i := range all {
		if i == own {
			status := slimContainer(&all[i], maxLastWord)
			status.ImageID = bound(all[i].ImageID, maxImage)
			kept = append(kept, status)
			continue
		}
		if i >= maxContainers {
			continue
		}
		status := slimContainer(&all[i], maxMessage)
		if room.takeWhole(reflect.ValueOf(status)); room.left >= 0 {
			kept = append(kept, status)
		}
	}
	return kept
}

// slimContainer keeps the state of a container, with at most words bytes of each
// termination message.
func slimContainer(from *corev1.ContainerStatus, words int) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: bound(from.Name, maxName), Image: bound(from.Image, maxImage), Ready: from.Ready, RestartCount: from.RestartCount,
		State: slimState(from.State, words), LastTerminationState: slimState(from.LastTerminationState, words),
	}
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
