// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/desired"
	"queueworker.dev/queueworker/controllers/drain"
	"queueworker.dev/queueworker/controllers/status"
)

const (
	// killWait is how long a pool that is stopped and killed at once keeps its pods for
	// their agents to hear of the kill.
	killWait = 5 * time.Second
	// killGrace is the grace period, in seconds, of a pod that is being removed and is to
	// be killed. The kubelet passes nothing else on to such a pod: it refreshes no volume.
	killGrace = 1
)

// killAsked is the kill of a pool that was asked for last, and when that was first seen.
type killAsked struct {
	token string
	at    time.Time
}

// see notes which kill is asked for.
func (k *killAsked) see(o *observation) {
	if token := desired.Token(o.worker, v1alpha1.AnnotationKillAt); token != k.token || k.at.IsZero() {
		*k = killAsked{token, o.now}
	}
}

// killed plans how a pool that is stopped is killed first: its pods are kept for a
// moment, and take no more jobs, until their agents have heard. A pod that is being
// removed hears of nothing. It is nil if there is nothing to wait for.
func killed(o *observation) *drain.Plan {
	wait := o.killAsked.at.Add(killWait).Sub(o.now)
	live := o.deployment
	if wait <= 0 || live.Spec.Replicas == nil || *live.Spec.Replicas == 0 {
		return nil
	}
	plan := &drain.Plan{
		Replicas: *live.Spec.Replicas, Reason: drain.Draining, Recheck: wait,
		Message: "Killing the processes before the pods are removed, as killAt asks.",
	}
	waiting := false
	for _, pod := range o.pods {
		container := status.WorkerStatus(pod)
		if !active(pod) || container == nil || !hasStarted(container) {
			continue
		}
		waiting = waiting || killUnheard(o, o.reports.Pods[pod.UID])
		if !isCordoned(pod) {
			plan.Cordon = append(plan.Cordon, pod.Name)
		}
	}
	if !waiting {
		return nil
	}
	return plan
}

// killUnheard tells whether an agent that answers has yet to hear of the pool's last kill.
func killUnheard(o *observation, report collector.PodReport) bool {
	if report.Status == nil || report.Unreachable || ownConfigMap(o) == nil {
		return false
	}
	token := desired.Token(o.worker, v1alpha1.AnnotationKillAt)
	pool := desired.PoolControl(ownConfigMap(o))
	return token != "" && (token != pool.KillToken || report.Status.ControlRevision < pool.KillRevision)
}

// cutOff are the pods that are being removed, were asked to be killed since, and cannot
// hear of it: their grace period is cut short.
func cutOff(o *observation, controls desired.Controls) []*corev1.Pod {
	var out []*corev1.Pod
	for _, pod := range o.pods {
		report := o.reports.Pods[pod.UID]
		if pod.DeletionTimestamp == nil || cutShort(pod) || status.Ended(pod) || report.Status == nil {
			continue
		}
		own := desired.ReadControl(pod.Annotations[v1alpha1.AnnotationControl])
		revision := max(controls.Pool.KillRevision, own.KillRevision)
		token := desired.Token(pod, v1alpha1.AnnotationKillAt)
		if report.Status.ControlRevision < revision || token != "" && token != own.PodKillToken {
			out = append(out, pod)
		}
	}
	return out
}

// cutShort tells whether a pod is to end without the time to finish its jobs.
func cutShort(pod *corev1.Pod) bool {
	grace := pod.DeletionGracePeriodSeconds
	return pod.DeletionTimestamp != nil && grace != nil && *grace <= killGrace
}

// cut cuts the grace period of pods short that are being removed and are to be killed.
func (r *QueueWorkerReconciler) cut(ctx context.Context, pods []*corev1.Pod) error {
	for _, pod := range pods {
		err := r.Client.Delete(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}},
			client.GracePeriodSeconds(killGrace), client.Preconditions{UID: &pod.UID})
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("kill Pod %s, which is being removed: %w", pod.Name, err)
		}
		ctrl.LoggerFrom(ctx).Info("Cut the grace period of a pod short, as killAt asks", "Pod", pod.Name)
	}
	return nil
}
