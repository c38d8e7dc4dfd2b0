// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"context"
	"errors"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/requeue"
)

// control writes the changed annotations of each pod, in one write per pod.
func (r *Reconciler) control(ctx context.Context, o *observation, d decision) error {
	name := client.ObjectKeyFromObject(o.worker)
	memory := r.memory.of(name)
	var failures []error
	told := ordersOf(d)
	for _, pod := range o.pods {
		annotations := podAnnotations(o, d, told, pod.Name)
		if len(annotations) == 0 {
			continue
		}
		version, err := kube.Annotate(ctx, r.Client, podKind, pod, annotations)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		memory.wrote(pod.UID, version, o.now, unheard(pod, o.reports.Pods[pod.UID]))
	}
	if d.controls.Changed || len(d.controls.Pods) > 0 {
		r.Collector.Nudge(name)
	}
	return errors.Join(failures...)
}

// podKind is the kind of the pods that are annotated.
var podKind = corev1.SchemeGroupVersion.WithKind("Pod")

// unheard reports whether a pod's agent answers but has not taken up the pod's document.
func unheard(pod *corev1.Pod, report collector.PodReport) bool {
	return report.Status != nil && !report.Unreachable &&
		report.Status.ControlRevision < objects.ReadControl(pod.Annotations[v1alpha1.AnnotationControl]).Revision
}

// hearing returns the time after which to see whether every agent has taken up its
// document; 0 if all have, or do not answer.
func hearing(o *observation, d decision) time.Duration {
	var wait time.Duration
	for _, pod := range o.pods {
		_, written := d.controls.Pods[pod.Name]
		if podstate.Active(pod) && (written || unheard(pod, o.reports.Pods[pod.UID])) {
			wait = requeue.Sooner(wait, overdueAfter<<min(o.written[pod.UID].again, overdueDoublings))
		}
	}
	return wait
}

// orders holds the pods that get an order, by name.
type orders struct{ cordon, uncordon, restart map[string]bool }

func ordersOf(d decision) orders {
	return orders{cordon: setOf(d.removal.Cordon), uncordon: setOf(d.removal.Uncordon), restart: setOf(d.stuck.Restart)}
}

// podAnnotations returns the annotations of a pod that change; nil removes an annotation.
func podAnnotations(o *observation, d decision, told orders, pod string) map[string]*string {
	out := map[string]*string{}
	if document, changed := d.controls.Pods[pod]; changed {
		out[v1alpha1.AnnotationControl] = &document
	}
	switch {
	case told.cordon[pod]:
		out[v1alpha1.AnnotationCordonedAt] = new(o.now.UTC().Format(time.RFC3339))
	case told.uncordon[pod]:
		out[v1alpha1.AnnotationCordonedAt] = nil
	}
	if cost, changed := d.removal.Costs[pod]; changed {
		out[corev1.PodDeletionCost] = nil
		if cost != 0 {
			out[corev1.PodDeletionCost] = new(strconv.Itoa(int(cost)))
		}
	}
	if told.restart[pod] {
		// The control document follows when this annotation is observed.
		out[v1alpha1.AnnotationRestartedAt] = new(o.now.UTC().Format(time.RFC3339))
	}
	return out
}
