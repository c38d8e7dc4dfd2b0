// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/test/lab"
)

var operatorLabels = client.MatchingLabels{"app.kubernetes.io/name": "queueworker"}

// operator returns the installed operator's Deployment.
func operator(l *lab.Lab) *appsv1.Deployment {
	l.Helper()
	list := &appsv1.DeploymentList{}
	if err := l.Client.List(l.Ctx, list, operatorLabels); err != nil || len(list.Items) != 1 {
		l.Fatalf("find the operator: %d Deployments, %v", len(list.Items), err)
	}
	return &list.Items[0]
}

// operatorPods lists the operator's pods.
func operatorPods(l *lab.Lab) []corev1.Pod {
	l.Helper()
	list := &corev1.PodList{}
	if err := l.Client.List(l.Ctx, list, operatorLabels, client.InNamespace(operator(l).Namespace)); err != nil {
		l.Fatalf("list the operator's pods: %v", err)
	}
	return list.Items
}

// scaleOperator scales the operator to 0 or 1, and waits until it has that size.
func scaleOperator(l *lab.Lab, replicas int32) {
	l.Helper()
	deployment := operator(l)
	base := deployment.DeepCopy()
	deployment.Spec.Replicas = &replicas
	if err := l.Client.Patch(l.Ctx, deployment, client.MergeFrom(base)); err != nil {
		l.Fatalf("scale the operator: %v", err)
	}
	l.Eventually(fmt.Sprintf("the operator has %d replicas", replicas), time.Minute, func() (bool, string) {
		pods := operatorPods(l)
		return int32(len(pods)) == replicas && operator(l).Status.AvailableReplicas == replicas, fmt.Sprintf("%d pods", len(pods))
	})
}
