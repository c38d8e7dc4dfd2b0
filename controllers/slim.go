// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/command"
	"queueworker.dev/queueworker/controllers/desired"
)

// The cache keeps only the parts of an object that decisions read. A user who may
// create an object with the operator's label decides how large the rest is.
//
// A status is written as its difference to the cached status. Dropped parts are on
// neither side of the difference, so they stay in the cluster as they are.

const (
	// maxName is the longest name of a Kubernetes object, in bytes.
	maxName = 253
	// maxAnnotation bounds an annotation of a child or pod, in bytes. The largest
	// annotation that the operator writes is a control document.
	maxAnnotation = protocol.MaxControlBytes
	// maxStatusConditions is more conditions than a status of the operator has.
	maxStatusConditions = 20
)

// ownLabels are the labels that selectors and decisions read.
var ownLabels = []string{
	v1alpha1.LabelManagedBy, v1alpha1.LabelName, v1alpha1.LabelApp, v1alpha1.LabelComponent, v1alpha1.LabelCommand,
}

// ownAnnotations are the annotations of a QueueWorker that the operator obeys.
var ownAnnotations = []string{
	v1alpha1.AnnotationRestartedAt, v1alpha1.AnnotationResumedAt, v1alpha1.AnnotationRecreatedAt, v1alpha1.AnnotationKillAt,
	v1alpha1.AnnotationRunAt,
}

// slimOwn drops the metadata of a QueueWorker and a QueueApp that nothing reads. The
// API server takes 256 KiB of annotations, and as many labels as fit.
func slimOwn(object any) (any, error) {
	if own, ok := object.(metav1.Object); ok {
		slimMeta(own, nil, ownAnnotations)
		own.SetOwnerReferences(nil)
	}
	return object, nil
}

// slimCommand keeps the parts of a QueueCommand that identify it and that its run
// needs. For an ended command it keeps the parts that say when it expires. A user who
// may create commands can create many large ones, and a list of failed jobs is large.
func slimCommand(object any) (any, error) {
	cmd, ok := object.(*v1alpha1.QueueCommand)
	if !ok {
		return object, nil
	}
	slimMeta(cmd, nil, nil)
	cmd.OwnerReferences = nil
	// Only an ended command has failed jobs, but a user with the right may write more.
	cmd.Status.FailedJobs = bounded(cmd.Status.FailedJobs, protocol.MaxFailedJobs)
	cmd.Status.Conditions = bounded(cmd.Status.Conditions, maxStatusConditions)
	if !command.Ended(cmd) {
		return cmd, nil
	}
	cmd.Spec = v1alpha1.QueueCommandSpec{TTL: cmd.Spec.TTL}
	cmd.Status = v1alpha1.QueueCommandStatus{State: cmd.Status.State, Conditions: cmd.Status.Conditions}
	for i := range cmd.Status.Conditions {
		condition := &cmd.Status.Conditions[i]
		*condition = metav1.Condition{Type: condition.Type, Status: condition.Status, LastTransitionTime: condition.LastTransitionTime}
	}
	return cmd, nil
}

// slimMeta keeps an object's identity, these labels and annotations, and its
// controller. The maps are new, because a map keeps the room it once took.
func slimMeta(object metav1.Object, labels, annotations []string) {
	object.SetLabels(keep(object.GetLabels(), labels...))
	object.SetAnnotations(keep(object.GetAnnotations(), annotations...))
	object.SetOwnerReferences(controllerAlone(object))
	object.SetManagedFields(nil)
	object.SetFinalizers(nil)
	object.SetGenerateName("")
	object.SetSelfLink("")
}

// slimChild is slimMeta for an object that may be a child of one of these owners. It
// reports whether the object is one. For any other object, only the name and the owner
// matter.
func slimChild(object metav1.Object, annotations []string, owners ...schema.GroupKind) bool {
	if !controlledBy(object, owners...) {
		slimMeta(object, ownLabels, nil)
		return false
	}
	slimMeta(object, ownLabels, annotations)
	for key, value := range object.GetAnnotations() {
		if len(value) > maxAnnotation {
			object.GetAnnotations()[key] = desired.ShortToken(value)
		}
	}
	return true
}

// controlledBy reports whether the controller of an object is of one of these kinds.
func controlledBy(object metav1.Object, kinds ...schema.GroupKind) bool {
	controller := metav1.GetControllerOfNoCopy(object)
	if controller == nil {
		return false
	}
	for _, kind := range kinds {
		if group, _, _ := strings.Cut(controller.APIVersion, "/"); group == kind.Group && controller.Kind == kind.Kind {
			return true
		}
	}
	return false
}

// controllerAlone returns the owner reference of an object's controller. The API server
// checks only that its fields are not empty, and not how long they are.
func controllerAlone(object metav1.Object) []metav1.OwnerReference {
	controller := metav1.GetControllerOfNoCopy(object)
	if controller == nil {
		return nil
	}
	return []metav1.OwnerReference{{
		APIVersion: bound(controller.APIVersion, maxName), Kind: bound(controller.Kind, maxName), Name: bound(controller.Name, maxName),
		UID: types.UID(bound(string(controller.UID), maxName)), Controller: new(true),
	}}
}

// bound returns the text, or a copy of its beginning if it is longer.
func bound(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(strings.Clone(text[:most]), "")
}

// bounded returns the list, or a copy of its beginning if it is longer.
func bounded[T any](list []T, most int) []T {
	if len(list) <= most {
		return list
	}
	return append([]T(nil), list[:most]...)
}

// keep returns these keys with their values.
func keep(all map[string]string, keys ...string) map[string]string {
	var kept map[string]string
	for _, key := range keys {
		if value, ok := all[key]; ok {
			if kept == nil {
				kept = map[string]string{}
			}
			kept[key] = value
		}
	}
	return kept
}
