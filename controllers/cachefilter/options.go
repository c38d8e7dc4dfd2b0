// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
)

// Options returns the options for the cache of a manager whose scheme is made by
// cached.AddToScheme. The cache keeps only the parts of objects that decisions read. Without
// namespaces, all namespaces are watched.
func Options(namespaces []string) cache.Options {
	ours := labels.SelectorFromSet(labels.Set{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})
	sets := &metav1.PartialObjectMetadata{}
	sets.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	out := cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		NewInformer:      newInformer,
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}:                   {Label: ours, Transform: Pod},
			&corev1.ConfigMap{}:             {Label: ours, Transform: slimConfigMap},
			&appsv1.Deployment{}:            {Label: ours, Transform: slimDeployment},
			&policyv1.PodDisruptionBudget{}: {Label: ours, Transform: slimBudget},
			&networkingv1.NetworkPolicy{}:   {Label: ours, Transform: slimPolicy},
			&batchv1.Job{}:                  {Label: ours, Transform: slimJob},
			sets:                            {Label: ours, Transform: slimSet},
			&v1alpha1.QueueCommand{}:        {Transform: slimCommand},
			&v1alpha1.QueueWorker{}:         {Transform: slimOwn},
			&cached.QueueApp{}:              {Transform: slimOwn},
		},
	}
	if len(namespaces) > 0 {
		out.DefaultNamespaces = map[string]cache.Config{}
		for _, namespace := range namespaces {
			out.DefaultNamespaces[namespace] = cache.Config{}
		}
	}
	return out
}
