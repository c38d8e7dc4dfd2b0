// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// dump logs what stands in the namespace of a test that failed.
func (l *Lab) dump(ctx context.Context) {
	inside := client.InNamespace(l.Namespace)
	workers, pods, events := &v1alpha1.QueueWorkerList{}, &corev1.PodList{}, &eventsv1.EventList{}
	for _, list := range []client.ObjectList{workers, pods, events} {
		if err := l.Client.List(ctx, list, inside); err != nil {
			l.Logf("list %T: %v", list, err)
		}
	}
	for i := range workers.Items {
		l.Logf("QueueWorker %s: %s; restarts %v", workers.Items[i].Name, describe(workers.Items[i].Status), workers.Items[i].Status.Restarts)
	}
	for i := range events.Items {
		l.Logf("event %s %s: %s", events.Items[i].Regarding.Name, events.Items[i].Reason, events.Items[i].Note)
	}
	clients, err := kubernetes.NewForConfig(l.Config)
	if err != nil {
		return
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		tail, err := clients.CoreV1().Pods(l.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{TailLines: new(int64(15))}).DoRaw(ctx)
		l.Logf("pod %s is %s, its log ends: %s %v", pod.Name, pod.Status.Phase, tail, err)
	}
}
