// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package fakes

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
)

// workerContainer returns the container that runs the agent, or the first if none does.
func workerContainer(pod *corev1.Pod) *corev1.Container {
	for i := range pod.Spec.Containers {
		for _, port := range pod.Spec.Containers[i].Ports {
			if port.Name == protocol.PortName {
				return &pod.Spec.Containers[i]
			}
		}
	}
	return &pod.Spec.Containers[0]
}

// waitsFor reports whether the pod cannot start yet, and returns the containers that say
// why.
func (w *podWorker) waitsFor(ctx context.Context, pod *corev1.Pod) (bool, map[string]Trouble) {
	if !w.mountable(pod) {
		return true, nil
	}
	troubles := map[string]Trouble{}
	for _, container := range pod.Spec.InitContainers {
		if trouble, ok := w.kubelet.trouble(container.Image); ok {
			troubles[container.Name] = trouble
		}
	}
	if len(troubles) > 0 {
		return true, troubles
	}
	for i := range pod.Spec.Containers {
		container := &pod.Spec.Containers[i]
		if trouble, ok := w.kubelet.trouble(container.Image); ok {
			troubles[container.Name] = trouble
		} else if missing := w.missingEnv(ctx, container); missing != "" {
			troubles[container.Name] = Trouble{"CreateContainerConfigError", missing}
		}
	}
	return len(troubles) > 0, troubles
}

// mountable reports whether the ConfigMaps of the projected volumes exist.
func (w *podWorker) mountable(pod *corev1.Pod) bool {
	for _, volume := range pod.Spec.Volumes {
		if volume.Projected == nil {
			continue
		}
		for _, source := range volume.Projected.Sources {
			if source.ConfigMap != nil && w.kubelet.configMaps.get(w.namespace, source.ConfigMap.Name) == nil {
				return false
			}
		}
	}
	return true
}

// missingEnv returns which Secret of the container's environment does not exist.
func (w *podWorker) missingEnv(ctx context.Context, container *corev1.Container) string {
	for _, from := range container.EnvFrom {
		if from.SecretRef == nil {
			continue
		}
		_, err := w.kubelet.client.CoreV1().Secrets(w.namespace).Get(ctx, from.SecretRef.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return fmt.Sprintf("secret %q not found", from.SecretRef.Name)
		}
	}
	return ""
}

// volumeOf returns the content of the projected volume with the control documents, by
// path, from the ConfigMaps that the kubelet knows.
func (w *podWorker) volumeOf(pod *corev1.Pod) map[string]string {
	files := map[string]string{}
	for _, mount := range workerContainer(pod).VolumeMounts {
		if mount.MountPath != protocol.ControlDir {
			continue
		}
		for _, volume := range pod.Spec.Volumes {
			if volume.Name == mount.Name && volume.Projected != nil {
				w.project(pod, volume.Projected.Sources, files)
			}
		}
	}
	return files
}

func (w *podWorker) project(pod *corev1.Pod, sources []corev1.VolumeProjection, files map[string]string) {
	for _, source := range sources {
		if source.ConfigMap != nil {
			if configMap := w.kubelet.configMaps.get(w.namespace, source.ConfigMap.Name); configMap != nil {
				for _, item := range source.ConfigMap.Items {
					files[item.Path] = configMap.Data[item.Key]
				}
			}
		}
		if source.DownwardAPI == nil {
			continue
		}
		for _, item := range source.DownwardAPI.Items {
			for key, value := range pod.Annotations {
				if item.FieldRef != nil && item.FieldRef.FieldPath == fmt.Sprintf("metadata.annotations['%s']", key) {
					files[item.Path] = value
				}
			}
		}
	}
}

// pendingStatus returns the status of a pod in which no container runs.
func (w *podWorker) pendingStatus(pod *corev1.Pod, troubles map[string]Trouble) corev1.PodStatus {
	waiting := func(containers []corev1.Container, otherwise string) []corev1.ContainerStatus {
		statuses := make([]corev1.ContainerStatus, 0, len(containers))
		for _, container := range containers {
			state := corev1.ContainerStateWaiting{Reason: otherwise}
			if trouble, ok := troubles[container.Name]; ok {
				state = corev1.ContainerStateWaiting{Reason: trouble.Reason, Message: trouble.Message}
			}
			statuses = append(statuses, corev1.ContainerStatus{
				Name: container.Name, Image: container.Image, State: corev1.ContainerState{Waiting: &state},
			})
		}
		return statuses
	}
	return corev1.PodStatus{
		Phase:                 corev1.PodPending,
		HostIP:                "127.0.0.1",
		InitContainerStatuses: waiting(pod.Spec.InitContainers, "PodInitializing"),
		ContainerStatuses:     waiting(pod.Spec.Containers, "PodInitializing"),
		Conditions:            conditions(false, false),
	}
}

// runningStatus returns the status of a pod whose containers run.
func (w *podWorker) runningStatus(pod *corev1.Pod, agent program) corev1.PodStatus {
	ready := agent.Ready()
	status := corev1.PodStatus{
		Phase:      corev1.PodRunning,
		HostIP:     "127.0.0.1",
		PodIP:      agent.IP(),
		PodIPs:     []corev1.PodIP{{IP: agent.IP()}},
		Conditions: conditions(true, ready),
	}
	for _, container := range pod.Spec.InitContainers {
		status.InitContainerStatuses = append(status.InitContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, ImageID: "fake", Ready: true,
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed", StartedAt: w.started, FinishedAt: w.started}},
		})
	}
	for _, container := range pod.Spec.Containers {
		running := corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, ImageID: "fake", Ready: true, Started: new(true),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: w.started}},
		}
		if container.Name == workerContainer(pod).Name {
			running.Ready, running.RestartCount, running.LastTerminationState = ready, w.restarts, w.lastState
		}
		status.ContainerStatuses = append(status.ContainerStatuses, running)
	}
	return status
}

// endedStatus returns the status of a pod whose containers have ended.
func (w *podWorker) endedStatus(pod *corev1.Pod, agent program) corev1.PodStatus {
	status := w.runningStatus(pod, agent)
	status.Phase = corev1.PodSucceeded
	if agent.exitCode() != 0 {
		status.Phase = corev1.PodFailed
	}
	status.Conditions = conditions(true, false)
	for i := range status.ContainerStatuses {
		container := &status.ContainerStatuses[i]
		container.Ready, container.Started = false, new(false)
		container.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			Reason: "Completed", StartedAt: w.started, FinishedAt: metav1.Now(),
		}}
		if container.Name == workerContainer(pod).Name {
			container.State.Terminated.Message, container.State.Terminated.ExitCode = agent.lastWord(), agent.exitCode()
		}
	}
	return status
}

func conditions(initialized, ready bool) []corev1.PodCondition {
	is := func(kind corev1.PodConditionType, status bool) corev1.PodCondition {
		condition := corev1.PodCondition{Type: kind, Status: corev1.ConditionFalse, LastTransitionTime: metav1.Now()}
		if status {
			condition.Status = corev1.ConditionTrue
		}
		return condition
	}
	return []corev1.PodCondition{
		is(corev1.PodReadyToStartContainers, true), is(corev1.PodInitialized, initialized),
		is(corev1.ContainersReady, ready), is(corev1.PodReady, ready),
	}
}

func keepScheduled(conditions []corev1.PodCondition) []corev1.PodCondition {
	for _, condition := range conditions {
		if condition.Type == corev1.PodScheduled {
			return []corev1.PodCondition{condition}
		}
	}
	return nil
}

// sameStatus reports whether two statuses are equal except for transition times.
func sameStatus(a, b *corev1.PodStatus) bool {
	timeless := func(status *corev1.PodStatus) *corev1.PodStatus {
		copied := status.DeepCopy()
		for i := range copied.Conditions {
			copied.Conditions[i].LastTransitionTime = metav1.Time{}
		}
		return copied
	}
	return equality.Semantic.DeepEqual(timeless(a), timeless(b))
}
