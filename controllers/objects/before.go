// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
)

// asBefore returns a template as older operators built it, before agents knew the
// operator by its key. A pool with such a template, if it is otherwise unchanged, keeps
// the template and its agent, so that an upgrade of the operator replaces no pod.
func asBefore(template *corev1.PodTemplateSpec) *corev1.PodTemplateSpec {
	out := template.DeepCopy()
	for i := range out.Spec.Containers {
		onePort(&out.Spec.Containers[i])
	}
	for i := range out.Spec.Volumes {
		if volume := &out.Spec.Volumes[i]; volume.Name == controlVolume && volume.Projected != nil {
			volume.Projected.Sources = slices.DeleteFunc(volume.Projected.Sources, func(source corev1.VolumeProjection) bool {
				return source.ConfigMap != nil && len(source.ConfigMap.Items) == 1 && source.ConfigMap.Items[0].Key == protocol.OperatorFile
			})
		}
	}
	return out
}

// onePort removes the ports for the operator and the kubelet from the worker's container.
func onePort(container *corev1.Container) {
	if !slices.ContainsFunc(container.Ports, func(port corev1.ContainerPort) bool { return port.Name == protocol.OperatorPortName }) {
		return
	}
	container.Ports = slices.DeleteFunc(container.Ports, func(port corev1.ContainerPort) bool {
		return port.Name == protocol.OperatorPortName || port.Name == protocol.HealthPortName
	})
	if probe := container.ReadinessProbe; probe != nil && probe.HTTPGet != nil && probe.HTTPGet.Port.StrVal == protocol.HealthPortName {
		probe.HTTPGet.Port.StrVal = protocol.PortName
	}
}
