// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/controllers/cached"
)

// Get reads one object; nil if there is none.
func Get[T any, P interface {
	*T
	client.Object
}](ctx context.Context, reader client.Reader, namespace, name string) (P, error) {
	object := P(new(T))
	err := reader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, object)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("get %T %s: %w", object, name, err)
	}
	return object, nil
}

// GetMetadata reads the metadata of one object; nil if there is none.
func GetMetadata(ctx context.Context, reader client.Reader, kind schema.GroupVersionKind, namespace, name string) (*metav1.PartialObjectMetadata, error) {
	object := &metav1.PartialObjectMetadata{}
	object.SetGroupVersionKind(kind)
	err := reader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, object)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look for %s %s: %w", kind.Kind, name, err)
	}
	return object, nil
}

// List reads objects into a list of theirs. kind names them in the error, such as Pods.
func List(ctx context.Context, reader client.Reader, kind string, into client.ObjectList, among ...client.ListOption) error {
	if err := reader.List(ctx, into, among...); err != nil {
		return fmt.Errorf("list %s: %w", kind, err)
	}
	return nil
}

// PodsOf returns the listed pods that one of these owners controls. A label alone is no
// proof, because any user may set it.
func PodsOf(ctx context.Context, reader client.Reader, owners map[types.UID]bool, among ...client.ListOption) ([]*corev1.Pod, error) {
	pods := &corev1.PodList{}
	if err := List(ctx, reader, "Pods", pods, among...); err != nil {
		return nil, err
	}
	var out []*corev1.Pod
	for i := range pods.Items {
		if owner := metav1.GetControllerOf(&pods.Items[i]); owner != nil && owners[owner.UID] {
			out = append(out, &pods.Items[i])
		}
	}
	return out, nil
}

// ReplicaSetsOf returns the UIDs of a Deployment's own ReplicaSets among the listed ones.
func ReplicaSetsOf(ctx context.Context, reader client.Reader, deployment *appsv1.Deployment, among ...client.ListOption) (map[types.UID]bool, error) {
	sets := &metav1.PartialObjectMetadataList{}
	sets.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSetList"))
	if err := List(ctx, reader, "ReplicaSets", sets, among...); err != nil {
		return nil, err
	}
	owners := map[types.UID]bool{}
	for i := range sets.Items {
		if metav1.IsControlledBy(&sets.Items[i], deployment) {
			owners[sets.Items[i].UID] = true
		}
	}
	return owners, nil
}

// QueueApps returns the QueueApps of a namespace as the cache has them. They must not be
// changed. They are not copied, because a copy of all of them for each look at a pool or a
// command would be a cheap way to keep the operator busy.
func QueueApps(ctx context.Context, reader client.Reader, namespace string) ([]cached.QueueApp, error) {
	apps := &cached.QueueAppList{}
	if err := List(ctx, reader, "QueueApps", apps, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	return apps.Items, nil
}
