// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/queueworker/plan"
)

// control writes the changed annotations of each pod, in one write per pod.
func (r *Reconciler) control(ctx context.Context, w *plan.World, d plan.Decision, next *poolMemory) error {
	name := client.ObjectKeyFromObject(w.Worker)
	var failures []error
	told := plan.OrdersOf(d)
	for _, pod := range w.Pods {
		annotations := plan.PodAnnotations(w, d, told, pod.Name)
		if len(annotations) == 0 {
			continue
		}
		version, err := kube.Annotate(ctx, r.Client, podKind, pod.Pod, annotations)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		next.written[pod.UID] = pod.Write.Next(version, w.Now, pod.Unheard())
	}
	if d.Controls.Changed || len(d.Controls.Pods) > 0 {
		r.Collector.Nudge(name)
	}
	return errors.Join(failures...)
}

// podKind is the kind of the pods that are annotated.
var podKind = corev1.SchemeGroupVersion.WithKind("Pod")
