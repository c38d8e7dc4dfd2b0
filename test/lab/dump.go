// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"encoding/json"
	"strings"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// dump logs the objects in the namespace of a failed test.
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
	l.dumpOperator(ctx, clients)
	for i := range pods.Items {
		pod := &pods.Items[i]
		tail, err := clients.CoreV1().Pods(l.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{TailLines: new(int64(15))}).DoRaw(ctx)
		l.Logf("pod %s is %s, its log ends: %s %v", pod.Name, pod.Status.Phase, tail, err)
		l.dumpAgent(pod)
	}
}

// dumpAgent logs what a worker pod was told and what its agent reports.
func (l *Lab) dumpAgent(pod *corev1.Pod) {
	told, isWorker := pod.Annotations[v1alpha1.AnnotationControl]
	if !isWorker || pod.Status.Phase != corev1.PodRunning {
		return
	}
	status, err := l.Agent(pod)
	if err != nil {
		l.Logf("pod %s was told %s, its agent does not answer: %v", pod.Name, told, err)
		return
	}
	report, err := json.Marshal(status)
	l.Logf("pod %s was told %s, its agent reports %s %v", pod.Name, told, report, err)
}

// dumpOperator logs the operator's log lines about the namespace.
func (l *Lab) dumpOperator(ctx context.Context, clients kubernetes.Interface) {
	pods := &corev1.PodList{}
	if err := l.Client.List(ctx, pods, client.MatchingLabels{"app.kubernetes.io/name": "queueworker"}); err != nil {
		l.Logf("list the operator's pods: %v", err)
		return
	}
	for i := range pods.Items {
		log, err := clients.CoreV1().Pods(pods.Items[i].Namespace).GetLogs(pods.Items[i].Name, &corev1.PodLogOptions{}).DoRaw(ctx)
		if err != nil {
			l.Logf("read the log of %s: %v", pods.Items[i].Name, err)
		}
		for line := range strings.Lines(string(log)) {
			if strings.Contains(line, l.Namespace) && !strings.Contains(line, "Applied object") && !strings.Contains(line, "Annotated object") {
				l.Logf("operator: %s", strings.TrimSpace(line))
			}
		}
	}
}
