// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/status"
)

type requests = workqueue.TypedRateLimitingInterface[reconcile.Request]

// limiter says how long a failed key waits.
type limiter = workqueue.TypedRateLimiter[reconcile.Request]

func never(event.UpdateEvent) bool { return false }

// podHandler wakes a pool for relevant changes of its pods. It keeps the final report
// of each deleted pod, because the event is the only place that has it.
func (r *QueueWorkerReconciler) podHandler() handler.EventHandler {
	enqueue := func(ctx context.Context, object client.Object, queue requests) {
		for _, request := range workerByLabel(ctx, object) {
			queue.Add(request)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, queue requests) {
			enqueue(ctx, e.Object, queue)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue requests) {
			before, beforeOK := e.ObjectOld.(*corev1.Pod)
			after, afterOK := e.ObjectNew.(*corev1.Pod)
			if !beforeOK || !afterOK || podChanged(before, after) {
				enqueue(ctx, e.ObjectNew, queue)
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue requests) {
			if pod, ok := e.Object.(*corev1.Pod); ok {
				r.recordEnd(ctx, pod)
			}
			enqueue(ctx, e.Object, queue)
		},
	}
}

// heededAnnotations are the annotations of a pod whose change causes a reconcile.
var heededAnnotations = []string{
	v1alpha1.AnnotationRestartedAt, v1alpha1.AnnotationKillAt, v1alpha1.AnnotationPaused, v1alpha1.AnnotationRetire,
	corev1.PodDeletionCost,
}

// keptAnnotations are all annotations of a pod that the cache keeps.
var keptAnnotations = slices.Concat(heededAnnotations, []string{
	v1alpha1.AnnotationControl, v1alpha1.AnnotationCordonedAt, v1alpha1.AnnotationFailedKey,
	v1alpha1.AnnotationOperator,
})

// podChanged reports whether a change matters to a reconcile. A change of the control
// annotation does not, because the operator writes it. A deletion cost does, because it
// must be observed on the pod before the pool becomes smaller.
func podChanged(before, after *corev1.Pod) bool {
	return before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() ||
		slices.ContainsFunc(heededAnnotations, func(key string) bool { return before.Annotations[key] != after.Annotations[key] }) ||
		!equality.Semantic.DeepEqual(before.Status, after.Status)
}

// recordEnd keeps the final report of a pod.
func (r *QueueWorkerReconciler) recordEnd(ctx context.Context, pod *corev1.Pod) {
	ended := collector.Ended{UID: pod.UID, Name: pod.Name}
	if owner := metav1.GetControllerOf(pod); owner != nil {
		ended.OfRun = owner.Kind == "Job"
	}
	if container := status.WorkerStatus(pod); container != nil {
		ended.Started = hasStarted(container)
		ended.Final = finalOf(container)
		if ended.Started && (ended.Final == nil || !ended.Final.Complete) {
			log := ctrl.LoggerFrom(ctx).WithValues("Pod", client.ObjectKeyFromObject(pod))
			if t := container.State.Terminated; t != nil { // its message is a user's text
				log = log.WithValues("exitCode", t.ExitCode, "signal", t.Signal)
			}
			log.Info("Pod ended without its last word")
		}
	}
	for _, request := range workerByLabel(ctx, pod) {
		r.Collector.RecordEnd(request.NamespacedName, ended)
	}
}

// hasStarted reports whether a container ever ran a worker. The kubelet also reports
// containers as terminated that it never started, and gives them no start time. And an
// agent that must end before it listens to signals ends without a message, with code 2
// of the Go runtime, and has started nothing.
func hasStarted(container *corev1.ContainerStatus) bool {
	terminated := container.State.Terminated
	if container.RestartCount > 0 || terminated == nil {
		return container.RestartCount > 0 || container.State.Running != nil
	}
	return !terminated.StartedAt.IsZero() && (terminated.ExitCode != 2 || terminated.Message != "")
}

// finalOf returns the final report in the termination message of an ended container;
// nil if there is none or it cannot be read.
func finalOf(container *corev1.ContainerStatus) *protocol.Final {
	terminated := container.State.Terminated
	if terminated == nil {
		return nil
	}
	final, err := collector.ParseFinal(terminated.Message)
	if err != nil {
		return nil
	}
	return final
}
