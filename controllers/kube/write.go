// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Apply writes an object by server-side apply. what names the object in the refusal, such
// as "Deployment emails-worker". If the API server refuses it, Apply returns a sentence
// instead of an error, because a new try would change nothing.
func Apply(ctx context.Context, writer client.Client, what string, wanted runtime.ApplyConfiguration) (refused string, err error) {
	err = writer.Apply(ctx, wanted, client.ForceOwnership)
	switch {
	case isRefusal(err):
		return fmt.Sprintf("The API server refused the %s: %s", what, reasonOf(err)), nil
	case err != nil:
		return "", fmt.Errorf("apply %s: %w", what, err)
	}
	ctrl.LoggerFrom(ctx).Info("Applied object", "object", what)
	return "", nil
}

// Create creates an object. exists reports whether an object of that name exists already,
// whoever owns it. A refusal of the API server is returned as a sentence, as by Apply.
func Create(ctx context.Context, writer client.Client, what string, wanted client.Object) (exists bool, refused string, err error) {
	err = writer.Create(ctx, wanted)
	switch {
	case apierrors.IsAlreadyExists(err):
		return true, "", nil
	case isRefusal(err):
		return false, fmt.Sprintf("The API server refused the %s: %s", what, reasonOf(err)), nil
	case err != nil:
		return false, "", fmt.Errorf("create %s: %w", what, err)
	}
	ctrl.LoggerFrom(ctx).Info("Created object", "object", what)
	return false, "", nil
}

// Delete deletes an object if it still is the one that was read. An object that is gone
// already is no error.
func Delete(ctx context.Context, writer client.Client, what string, object client.Object, how metav1.DeletionPropagation) error {
	uid := object.GetUID()
	err := writer.Delete(ctx, object, client.Preconditions{UID: &uid}, client.PropagationPolicy(how))
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("delete %s: %w", what, err)
	}
	ctrl.LoggerFrom(ctx).Info("Deleted object", "object", what, "propagation", how)
	return nil
}

// Scale sets the replicas of a live object, whose changed form is given, in a merge
// patch, and returns the new resource version.
func Scale(ctx context.Context, writer client.Client, what string, live, scaled client.Object) (version string, err error) {
	if err := writer.Patch(ctx, scaled, client.MergeFrom(live)); err != nil {
		return "", fmt.Errorf("scale %s: %w", what, err)
	}
	ctrl.LoggerFrom(ctx).Info("Scaled object", "object", what)
	return scaled.GetResourceVersion(), nil
}

// Annotate changes annotations of the object with this kind, name and UID; nil removes an
// annotation. It returns the object's new resource version; empty if the object is gone.
func Annotate(ctx context.Context, writer client.Client, kind schema.GroupVersionKind, object metav1.Object, annotations map[string]*string) (version string, err error) {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": object.GetUID(), "annotations": annotations}})
	if err != nil {
		return "", fmt.Errorf("encode annotations of %s %s: %w", kind.Kind, object.GetName(), err)
	}
	written := &metav1.PartialObjectMetadata{}
	written.SetGroupVersionKind(kind)
	written.Namespace, written.Name = object.GetNamespace(), object.GetName()
	err = writer.Patch(ctx, written, client.RawPatch(types.MergePatchType, patch))
	switch {
	case apierrors.IsNotFound(err):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("write annotations of %s %s: %w", kind.Kind, object.GetName(), err)
	}
	// The values are not logged, because some of them are text of users.
	ctrl.LoggerFrom(ctx).Info("Annotated object", "object", kind.Kind+" "+object.GetName(), "annotations", slices.Sorted(maps.Keys(annotations)))
	return written.ResourceVersion, nil
}

// AnnotateOnce sets an annotation, unless the object already has this value. An object
// that has changed or is gone is no error: it will be looked at again.
func AnnotateOnce(ctx context.Context, writer client.Client, kind schema.GroupVersionKind, object metav1.Object, key, value string) error {
	if object.GetAnnotations()[key] == value {
		return nil
	}
	_, err := Annotate(ctx, writer, kind, object, map[string]*string{key: &value})
	if apierrors.IsConflict(err) {
		return nil
	}
	return err
}

// PatchVersion applies a merge patch to the version of an object that was read. changed
// reports whether the object has changed since, or is gone, so that nothing was written.
func PatchVersion(ctx context.Context, writer client.Client, what string, object client.Object, patch map[string]any) (changed bool, err error) {
	metadata := map[string]any{}
	if given, ok := patch["metadata"].(map[string]any); ok {
		maps.Copy(metadata, given)
	}
	metadata["uid"], metadata["resourceVersion"] = object.GetUID(), object.GetResourceVersion()
	exact := maps.Clone(patch)
	exact["metadata"] = metadata
	document, err := json.Marshal(exact)
	if err != nil {
		return false, fmt.Errorf("encode the patch of %s: %w", what, err)
	}
	err = writer.Patch(ctx, object, client.RawPatch(types.MergePatchType, document))
	switch {
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("patch %s: %w", what, err)
	}
	ctrl.LoggerFrom(ctx).Info("Patched object", "object", what)
	return false, nil
}

// PatchStatus writes the status of an object, given as it was read and as it shall be.
// written is false if the object has changed since it was read, or is gone: the change
// wakes the object again.
func PatchStatus(ctx context.Context, writer client.Client, what string, before, after client.Object) (written bool, err error) {
	err = writer.Status().Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	switch {
	case apierrors.IsConflict(err), apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("write status of %s: %w", what, err)
	}
	// A status changes often and is seen in the object, so its line is for V(1) alone.
	ctrl.LoggerFrom(ctx).V(1).Info("Wrote status", "object", what)
	return true, nil
}
