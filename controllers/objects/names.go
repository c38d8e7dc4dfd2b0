// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// WorkloadName returns the name of the Deployment and the PodDisruptionBudget of a pool.
func WorkloadName(worker string) string { return worker + "-worker" }

// ControlName returns the name of the ConfigMap with a pool's control document.
func ControlName(worker string) string { return worker + "-control" }

// Selector returns the label selector of a pool's pods. It never changes, because a
// Deployment's selector cannot change.
func Selector(worker string) map[string]string {
	return map[string]string{v1alpha1.LabelName: worker}
}

func childLabels(worker *v1alpha1.QueueWorker) map[string]string {
	return map[string]string{
		v1alpha1.LabelName:      worker.Name,
		v1alpha1.LabelManagedBy: v1alpha1.ManagedBy,
	}
}

// owner returns a reference that makes the QueueWorker the controller of a child, so
// that the child is deleted with it. blockOwnerDeletion stays unset, because it needs an
// additional right (finalizers/update), and a child may well outlive its owner by a
// moment.
func owner(worker *v1alpha1.QueueWorker) *metav1ac.OwnerReferenceApplyConfiguration {
	return metav1ac.OwnerReference().
		WithAPIVersion(v1alpha1.SchemeGroupVersion.String()).
		WithKind("QueueWorker").
		WithName(worker.Name).
		WithUID(worker.UID).
		WithController(true)
}

// OwnedBy reports whether an object may be written for the QueueWorker: only if the
// QueueWorker is the object's controller.
func OwnedBy(object metav1.Object, worker *v1alpha1.QueueWorker) bool {
	return metav1.IsControlledBy(object, worker)
}
