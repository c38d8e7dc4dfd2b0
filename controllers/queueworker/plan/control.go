// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/requeue"
)

// ConfirmAfter returns the time after which to see whether every agent has taken up its
// document; 0 if all have, or do not answer.
func ConfirmAfter(w *World, d Decision) time.Duration {
	var wait time.Duration
	for _, pod := range w.Pods {
		_, written := d.Controls.Pods[pod.Name]
		if podstate.Active(pod.Pod) && (written || pod.Unheard()) {
			wait = requeue.Sooner(wait, pod.Write.wait())
		}
	}
	return wait
}

// Orders holds the pods that get an order, by name.
type Orders struct{ cordon, uncordon, restart map[string]bool }

// OrdersOf returns the orders of a decision.
func OrdersOf(d Decision) Orders {
	return Orders{cordon: SetOf(d.Removal.Cordon), uncordon: SetOf(d.Removal.Uncordon), restart: SetOf(d.Stuck.Restart)}
}

// PodAnnotations returns the annotations of a pod that change; nil removes an annotation.
func PodAnnotations(w *World, d Decision, told Orders, pod string) map[string]*string {
	out := map[string]*string{}
	if document, changed := d.Controls.Pods[pod]; changed {
		out[v1alpha1.AnnotationControl] = &document
	}
	switch {
	case told.cordon[pod]:
		out[v1alpha1.AnnotationCordonedAt] = new(w.Now.UTC().Format(time.RFC3339))
	case told.uncordon[pod]:
		out[v1alpha1.AnnotationCordonedAt] = nil
	}
	if cost, changed := d.Removal.Costs[pod]; changed {
		out[corev1.PodDeletionCost] = nil
		if cost != 0 {
			out[corev1.PodDeletionCost] = new(strconv.Itoa(int(cost)))
		}
	}
	if told.restart[pod] {
		// The control document follows when this annotation is observed.
		out[v1alpha1.AnnotationRestartedAt] = new(w.Now.UTC().Format(time.RFC3339))
	}
	return out
}

// RecheckRuns returns the time after which to decide about the runs again; 0 if only news
// can change the decision.
func RecheckRuns(d Decision) time.Duration {
	if d.Runs == nil {
		return 0
	}
	return d.Runs.Recheck
}
