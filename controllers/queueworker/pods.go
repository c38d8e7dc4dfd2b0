// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/controllers/workqueue"
)

func never(event.UpdateEvent) bool { return false }

// podHandler wakes a pool for relevant changes of its pods. It keeps the final report
// of each deleted pod, because the event is the only place that has it.
func (r *Reconciler) podHandler() handler.EventHandler {
	enqueue := func(ctx context.Context, object client.Object, queue workqueue.Requests) {
		for _, request := range workerByLabel(ctx, object) {
			queue.Add(request)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue workqueue.Requests) {
			enqueue(ctx, e.Object, queue)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue workqueue.Requests) {
			before, beforeOK := e.ObjectOld.(*corev1.Pod)
			after, afterOK := e.ObjectNew.(*corev1.Pod)
			if !beforeOK || !afterOK || podChanged(before, after) {
				enqueue(ctx, e.ObjectNew, queue)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue workqueue.Requests) {
			if pod, ok := e.Object.(*corev1.Pod); ok {
				r.recordEnd(ctx, pod)
			}
			enqueue(ctx, e.Object, queue)
		},
	}
}

// podChanged reports whether a change matters to a reconcile. A change of the control
// annotation does not, because the operator writes it. A deletion cost does, because it
// must be observed on the pod before the pool becomes smaller.
func podChanged(before, after *corev1.Pod) bool {
	return before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() ||
		slices.ContainsFunc(podstate.HeededAnnotations, func(key string) bool { return before.Annotations[key] != after.Annotations[key] }) ||
		!equality.Semantic.DeepEqual(before.Status, after.Status)
}

// recordEnd keeps the final report of a pod.
func (r *Reconciler) recordEnd(ctx context.Context, pod *corev1.Pod) {
	ended := telemetry.Ended{UID: pod.UID, Name: pod.Name}
	if owner := metav1.GetControllerOf(pod); owner != nil {
		ended.OfRun = owner.Kind == "Job"
	}
	if container := podstate.WorkerContainer(pod); container != nil {
		ended.Started = podstate.Started(container)
		ended.Final = telemetry.FinalOf(container)
		if ended.Started && (ended.Final == nil || !ended.Final.Complete) {
			log := ctrl.LoggerFrom(ctx).WithValues("Pod", client.ObjectKeyFromObject(pod))
			if t := container.State.Terminated; t != nil { // its message is a user's text
				log = log.WithValues("exitCode", t.ExitCode, "signal", t.Signal)
			}
			log.Info("Pod ended without a final report")
		}
	}
	for _, request := range workerByLabel(ctx, pod) {
		r.Collector.RecordEnd(request.NamespacedName, ended)
	}
}
