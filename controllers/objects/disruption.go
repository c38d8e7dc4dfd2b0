// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// podDisruptionBudget lets node drains take a quarter of the pool at a time, and broken
// pods at any time. A pool of one pod has no budget: it could only forbid the pod's
// eviction, and with it the drain.
func podDisruptionBudget(worker *v1alpha1.QueueWorker) *policyv1ac.PodDisruptionBudgetApplyConfiguration {
	return policyv1ac.PodDisruptionBudget(WorkloadName(worker.Name), worker.Namespace).
		WithLabels(childLabels(worker)).
		WithOwnerReferences(owner(worker)).
		WithSpec(policyv1ac.PodDisruptionBudgetSpec().
			WithMaxUnavailable(intstr.FromString("25%")).
			WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(Selector(worker.Name))))
}
