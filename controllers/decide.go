// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/desired"
)

// decision is what there should be.
type decision struct {
	app      *v1alpha1.QueueApp
	problem  *desired.Problem
	controls desired.Controls
	objects  desired.Objects
}

// decide is a pure function of what was observed.
func decide(o *observation, agentImage string) decision {
	var d decision
	d.app, d.problem = desired.SelectApp(o.worker, o.apps)
	d.controls = desired.Control(desired.ControlInput{
		Worker: o.worker,
		Live:   ownConfigMap(o),
		Pods:   controlledPods(o),
	})
	objects, problem := desired.Build(desired.Input{
		Worker:     o.worker,
		App:        d.app,
		Control:    d.controls.Pool,
		AgentImage: agentImage,
		Live:       o.deployment,
	})
	d.objects = objects
	if d.problem == nil {
		d.problem = problem
	}
	return d
}

// ownConfigMap is the pool's ConfigMap, unless it is somebody else's.
func ownConfigMap(o *observation) *corev1.ConfigMap {
	if o.configMap == nil || !desired.OwnedBy(o.configMap, o.worker) {
		return nil
	}
	return o.configMap
}

// controlledPods are the pods that control documents are for: those that stay.
func controlledPods(o *observation) []desired.ControlledPod {
	var out []desired.ControlledPod
	for _, pod := range o.pods {
		if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue
		}
		controlled := desired.ControlledPod{
			Name:         pod.Name,
			RestartToken: pod.Annotations[v1alpha1.AnnotationRestartedAt],
			Document:     pod.Annotations[v1alpha1.AnnotationControl],
		}
		if report := o.reports.Pods[pod.UID].Status; report != nil {
			controlled.Reported = report.ControlRevision
		}
		out = append(out, controlled)
	}
	return out
}
