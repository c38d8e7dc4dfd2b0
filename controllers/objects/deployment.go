// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"encoding/json"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// revisionHistory is how many old ReplicaSets are kept: enough to see what changed. A
// rollback is done in the QueueApp, not in the Deployment.
const revisionHistory = 3

func deployment(in Input, template *corev1.PodTemplateSpec) *appsv1ac.DeploymentApplyConfiguration {
	hash := hashOf(template)
	if before := asBefore(template); keepsAgent(in, hashOf(before)) {
		template, hash = before, hashOf(before)
	}
	image := in.AgentImage
	if keepsAgent(in, hash) {
		image = AgentImageOf(&in.Live.Spec.Template)
	}
	template.Spec.InitContainers[0].Image = image

	return appsv1ac.Deployment(WorkloadName(in.Worker.Name), in.Worker.Namespace).
		WithLabels(childLabels(in.Worker)).
		WithAnnotations(map[string]string{v1alpha1.AnnotationTemplateHash: hash}).
		WithOwnerReferences(owner(in.Worker)).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(in.Replicas).
			WithRevisionHistoryLimit(revisionHistory).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(Selector(in.Worker.Name))).
			WithStrategy(appsv1ac.DeploymentStrategy().
				WithType(appsv1.RollingUpdateDeploymentStrategyType).
				WithRollingUpdate(appsv1ac.RollingUpdateDeployment().
					WithMaxSurge(intstr.FromString("25%")).
					WithMaxUnavailable(intstr.FromInt32(0)))).
			WithTemplate(applyTemplate(template)))
}

// keepsAgent reports whether the pool keeps its present agent image: its template is
// otherwise the template that its pods already run.
func keepsAgent(in Input, hash string) bool {
	return in.App.Spec.AgentUpgrade != v1alpha1.AgentUpgradeNow &&
		in.Live != nil &&
		in.Live.Annotations[v1alpha1.AnnotationTemplateHash] == hash &&
		AgentImageOf(&in.Live.Spec.Template) != ""
}

// AgentImageOf returns the agent image of a pool's pods; empty if there is none.
func AgentImageOf(template *corev1.PodTemplateSpec) string {
	for i := range template.Spec.InitContainers {
		if container := &template.Spec.InitContainers[i]; container.Name == InstallContainer {
			return container.Image
		}
	}
	return ""
}

// applyTemplate turns a template into an apply configuration. Both have the same JSON,
// in which unset fields are absent, so that the operator claims none of them.
func applyTemplate(template *corev1.PodTemplateSpec) *corev1ac.PodTemplateSpecApplyConfiguration {
	document, err := json.Marshal(template)
	if err != nil {
		panic(err) // a decoded API object always encodes
	}
	configuration := corev1ac.PodTemplateSpec()
	if err := json.Unmarshal(document, configuration); err != nil {
		panic(err) // the two types have one schema
	}
	return configuration
}
