// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/bounds"
	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/command"
	"queueworker.dev/queueworker/controllers/objects"
)

// The cache keeps only the parts of an object that decisions read. A user who may
// create an object with the operator's label decides how large the rest is.
//
// A status is written as its difference to the cached status. Dropped parts are on
// neither side of the difference, so they stay in the cluster as they are.

const (
	// maxName is the longest name of a Kubernetes object, in bytes.
	maxName = 253
	// maxShort bounds an annotation that is neither a control document nor a token, in
	// bytes. The operator's values are a hash, a time, a number, true or a pin of 64
	// digits.
	maxShort = 128
	// maxWord bounds a value from a fixed set, such as a phase, in bytes.
	maxWord = 63
	// maxStatusConditions is more conditions than a status of the operator has.
	maxStatusConditions = 20
	// maxEndedConditions is more conditions than an ended QueueCommand has.
	maxEndedConditions = 2
)

var (
	// maxPoolHeap bounds the heap that the spec of a QueueWorker takes, in bytes: twice
	// the JSON that the operator reads.
	maxPoolHeap = 2 * bounds.Pool.Bytes
	// tooLong is a text that makes a QueueWorker larger than the operator reads. All
	// specs that the cache replaces share it.
	tooLong = strings.Repeat("x", bounds.Pool.Bytes+1)
)

// ownLabels are the labels that selectors and decisions read.
var ownLabels = []string{
	v1alpha1.LabelManagedBy, v1alpha1.LabelName, v1alpha1.LabelApp, v1alpha1.LabelComponent, v1alpha1.LabelCommand,
}

// ownAnnotations are the annotations of a QueueWorker that the operator obeys. Their
// values are tokens.
var ownAnnotations = []string{
	v1alpha1.AnnotationRestartedAt, v1alpha1.AnnotationResumedAt, v1alpha1.AnnotationRecreatedAt, v1alpha1.AnnotationKillAt,
	v1alpha1.AnnotationRunAt,
}

// slimOwn drops the metadata of a QueueWorker and a QueueApp that nothing reads. The API
// server takes 256 KiB of annotations, and as many labels as fit. The operator obeys no
// annotation of a QueueApp.
func slimOwn(object any) (any, error) {
	own, ok := object.(metav1.Object)
	if !ok {
		return object, nil
	}
	worker, isWorker := object.(*v1alpha1.QueueWorker)
	if !isWorker {
		slimMeta(own, nil, nil)
	} else {
		resumed := effective.ResumeToken(worker)
		slimMeta(worker, nil, ownAnnotations)
		shorten(worker.Annotations)
		if resumed != "" {
			worker.Annotations[v1alpha1.AnnotationResumedAt] = resumed
		}
		slimPool(&worker.Spec)
	}
	own.SetOwnerReferences(nil)
	return object, nil
}

// slimPool cuts the spec of a QueueWorker that takes too much of the heap, so that it is
// small but objects.Oversized still refuses it. The API server refuses most such specs
// since the CustomResourceDefinition has bounds. But older specs may be stored, and a
// character may have four bytes.
func slimPool(spec *v1alpha1.QueueWorkerSpec) {
	if !takesMore(*spec, maxPoolHeap) {
		return
	}
	most := func(field string) int {
		most, _ := bounds.Of(bounds.List, "", field)
		return most + 1
	}
	spec.Env, spec.Tolerations, spec.Backoff = bounded(spec.Env, most("env")), bounded(spec.Tolerations, most("tolerations")), bounded(spec.Backoff, most("backoff"))
	if takesMore(*spec, maxPoolHeap) {
		*spec = v1alpha1.QueueWorkerSpec{AppName: bound(spec.AppName, maxName), Mode: spec.Mode, Env: []corev1.EnvVar{{Name: "TOO_LONG", Value: tooLong}}}
	}
}

// slimCommand keeps the parts of a QueueCommand that identify it and that its run needs.
// For an ended command it keeps the parts that say when it expires. A user who may create
// commands can create many large ones, and a list of failed jobs is large.
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
	cmd.Status = v1alpha1.QueueCommandStatus{State: cmd.Status.State, Conditions: bounded(cmd.Status.Conditions, maxEndedConditions)}
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
	shorten(object.GetAnnotations())
	return true
}

// shorten cuts the values of annotations to the length of what the operator writes: a
// control document, a token or a short text. The beginning of a longer text never equals
// a text of the operator.
func shorten(annotations map[string]string) {
	for key, value := range annotations {
		switch {
		case key == v1alpha1.AnnotationControl && len(value) <= protocol.MaxControlBytes:
		case slices.Contains(ownAnnotations, key):
			annotations[key] = objects.ShortToken(value)
		default:
			annotations[key] = bound(value, maxShort)
		}
	}
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

// word returns a value from a fixed set. It cuts a longer text, which is not in the set.
func word[T ~string](text T) T { return T(bound(string(text), maxWord)) }

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
