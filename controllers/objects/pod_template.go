// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"maps"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	// InstallContainer is the init container that copies the agent into the pod.
	InstallContainer = "queueworker-agent"

	// annotationDefaultContainer names the container that kubectl logs and exec use.
	annotationDefaultContainer = "kubectl.kubernetes.io/default-container"
)

// podTemplate returns the application's template with the agent around its worker, but
// without the agent's image.
func podTemplate(in Input, container int) (*corev1.PodTemplateSpec, []effective.Problem) {
	template := in.App.Spec.Template.DeepCopy()
	template.ObjectMeta = metav1.ObjectMeta{
		Labels:      templateLabels(in, template.Labels),
		Annotations: templateAnnotations(in, template, container),
	}

	pod := &template.Spec
	spec := &in.Worker.Spec
	memory := effective.MemoryLimitsOf(spec, in.App.Spec.Runtime)
	gracePeriod := effective.Grace(spec, pod)
	findings := findings(in, container, memory, gracePeriod)

	placePod(pod, in.Worker)
	pod.TerminationGracePeriodSeconds = new(int64(gracePeriod / time.Second))
	if pod.AutomountServiceAccountToken == nil {
		pod.AutomountServiceAccountToken = new(false)
	}
	if pod.EnableServiceLinks == nil {
		// A Service named redis would set REDIS_PORT=tcp://..., which Laravel takes for
		// its own setting and fails on.
		pod.EnableServiceLinks = new(false)
	}
	wrapWorker(&pod.Containers[container], in, memory, gracePeriod)
	pod.InitContainers = append([]corev1.Container{installer()}, pod.InitContainers...)
	pod.Volumes = append(pod.Volumes, volumes(in.Worker)...)
	restrict(pod)
	return template, findings
}

func templateLabels(in Input, own map[string]string) map[string]string {
	labels := maps.Clone(own)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, childLabels(in.Worker))
	labels[v1alpha1.LabelApp] = in.App.Name
	delete(labels, v1alpha1.LabelComponent) // the label of a backlog probe
	return labels
}

// templateAnnotations returns the template's annotations without the operator's own,
// which control single pods.
func templateAnnotations(in Input, template *corev1.PodTemplateSpec, container int) map[string]string {
	annotations := map[string]string{annotationDefaultContainer: template.Spec.Containers[container].Name}
	maps.Copy(annotations, template.Annotations)
	maps.DeleteFunc(annotations, func(key, _ string) bool { return strings.HasPrefix(key, v1alpha1.GroupName+"/") })
	if token := recreated(in); token != "" {
		annotations[v1alpha1.AnnotationRecreatedAt] = token
	}
	return annotations
}

// recreated returns the token by which all pods were last replaced on request. The
// token stays when the QueueWorker's annotation is removed, because otherwise the
// removal would replace the pods.
func recreated(in Input) string {
	if token := Token(in.Worker, v1alpha1.AnnotationRecreatedAt); token != "" || in.Live == nil {
		return token
	}
	return in.Live.Spec.Template.Annotations[v1alpha1.AnnotationRecreatedAt]
}

// placePod applies the pool's settings for the placement of its pods, and spreads the
// pods over nodes as far as possible.
func placePod(pod *corev1.PodSpec, worker *v1alpha1.QueueWorker) {
	spec := &worker.Spec
	if spec.PriorityClassName != "" {
		pod.PriorityClassName = spec.PriorityClassName
	}
	if len(spec.NodeSelector) > 0 {
		merged := maps.Clone(pod.NodeSelector)
		if merged == nil {
			merged = map[string]string{}
		}
		maps.Copy(merged, spec.NodeSelector)
		pod.NodeSelector = merged
	}
	pod.Tolerations = append(pod.Tolerations, spec.Tolerations...)
	if pod.TopologySpreadConstraints == nil {
		pod.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
			MaxSkew:           1,
			TopologyKey:       corev1.LabelHostname,
			WhenUnsatisfiable: corev1.ScheduleAnyway,
			LabelSelector:     &metav1.LabelSelector{MatchLabels: Selector(worker.Name)},
		}}
	}
}

// installer returns the init container that copies the agent into the pod. Its image is
// set last, see deployment.
func installer() corev1.Container {
	return corev1.Container{
		Name:         InstallContainer,
		Args:         []string{"install", protocol.BinaryDir},
		VolumeMounts: []corev1.VolumeMount{{Name: binaryVolume, MountPath: protocol.BinaryDir}},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{
				corev1.ResourceCPU:    *milliCPU(10),
				corev1.ResourceMemory: bytesQuantity(16 * mebibyte),
			},
			Limits: corev1.ResourceList{corev1.ResourceMemory: bytesQuantity(64 * mebibyte)},
		},
		SecurityContext: &corev1.SecurityContext{ReadOnlyRootFilesystem: new(true)},
	}
}

// volumes returns the volumes that the agent needs: its binary, the counts that survive
// a restart of its container, and the control documents.
func volumes(worker *v1alpha1.QueueWorker) []corev1.Volume {
	emptyDir := func(mebibytes int64) corev1.VolumeSource {
		return corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: new(bytesQuantity(mebibytes * mebibyte))}}
	}
	return []corev1.Volume{
		{Name: binaryVolume, VolumeSource: emptyDir(64)},
		{Name: stateVolume, VolumeSource: emptyDir(16)},
		{Name: controlVolume, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
			Sources: []corev1.VolumeProjection{
				{ConfigMap: &corev1.ConfigMapProjection{
					LocalObjectReference: corev1.LocalObjectReference{Name: ControlName(worker.Name)},
					Items:                []corev1.KeyToPath{{Key: protocol.ControlFile, Path: protocol.ControlFile}},
				}},
				operatorPins(worker),
				{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{
					Path:     protocol.ControlPodFile,
					FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations['" + v1alpha1.AnnotationControl + "']"},
				}}}},
			},
		}}},
	}
}

// operatorPins shows the agent the keys by which it knows the operator. A ConfigMap
// without them, as an older operator writes it, does not keep a pod from starting.
func operatorPins(worker *v1alpha1.QueueWorker) corev1.VolumeProjection {
	return corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
		LocalObjectReference: corev1.LocalObjectReference{Name: ControlName(worker.Name)},
		Items:                []corev1.KeyToPath{{Key: protocol.OperatorFile, Path: protocol.OperatorFile}},
		Optional:             new(true),
	}}
}

// restrict makes the pod satisfy the restricted Pod Security Standard wherever the
// template does not say otherwise. It names no user, so that the image's own user
// counts. The root file system stays writable, because applications write to storage/.
func restrict(pod *corev1.PodSpec) {
	if pod.SecurityContext == nil {
		pod.SecurityContext = &corev1.PodSecurityContext{}
	}
	if pod.SecurityContext.RunAsNonRoot == nil {
		pod.SecurityContext.RunAsNonRoot = new(true)
	}
	if pod.SecurityContext.SeccompProfile == nil {
		pod.SecurityContext.SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	}
	for i := range pod.InitContainers {
		restrictContainer(&pod.InitContainers[i])
	}
	for i := range pod.Containers {
		restrictContainer(&pod.Containers[i])
	}
}

func restrictContainer(container *corev1.Container) {
	if container.SecurityContext == nil {
		container.SecurityContext = &corev1.SecurityContext{}
	}
	security := container.SecurityContext
	privileged := security.Privileged != nil && *security.Privileged
	if security.AllowPrivilegeEscalation == nil && !privileged {
		security.AllowPrivilegeEscalation = new(false)
	}
	if security.Capabilities == nil {
		security.Capabilities = &corev1.Capabilities{}
	}
	if security.Capabilities.Drop == nil {
		security.Capabilities.Drop = []corev1.Capability{"ALL"}
	}
}
