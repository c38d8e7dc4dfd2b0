// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package podstate

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// HeededAnnotations are the annotations of a pod whose change causes a reconcile.
var HeededAnnotations = []string{
	v1alpha1.AnnotationRestartedAt, v1alpha1.AnnotationKillAt, v1alpha1.AnnotationPaused, v1alpha1.AnnotationRetire,
	corev1.PodDeletionCost,
}

// ReadAnnotations are all annotations of a pod that a decision reads.
var ReadAnnotations = slices.Concat(HeededAnnotations, []string{
	v1alpha1.AnnotationControl, v1alpha1.AnnotationCordonedAt, v1alpha1.AnnotationFailedKey,
	v1alpha1.AnnotationOperator,
})
