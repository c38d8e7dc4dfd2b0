// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package intent decides what a command writes. From the QueueWorker and the user's
// request it makes merge patches: of the QueueWorker's spec and annotations, and of the
// annotations of one pod. It asks neither the cluster nor a clock. What it tells the user
// is a Code with values, because each user interface has its own words.
//
// A switch that is turned off is written as false, not removed. A manifest in Git that
// says false then does not differ from the cluster.
package intent

import (
	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// A Patch is a JSON merge patch of one object.
type Patch struct {
	// Body is the patch.
	Body map[string]any
	// Fields are the fields that the patch writes, such as spec.paused. They serve to
	// find the owner of each field.
	Fields []string
	// Locked is true if the patch depends on a value that was read. It then applies only
	// to the version that was read.
	Locked bool
}

// A Plan is what a command does with one QueueWorker. Without a patch, the pool is
// already as requested.
type Plan struct {
	// Pod is the patch of the worker's pod. It is written before Worker, because the pod
	// must be marked before the pool becomes smaller; otherwise another pod might be
	// removed.
	Pod *Patch
	// Worker is the patch of the QueueWorker.
	Worker *Patch
	// Done says what is true of the pool once the patches are written.
	Done Message
	// Danger says what the patches may destroy, and needs confirmation; nil if they
	// destroy nothing.
	Danger *Message
	// Notes say what the user may not expect.
	Notes []Message
}

// note adds a note about the QueueWorker.
func (p *Plan) note(code Code, worker *v1alpha1.QueueWorker) {
	p.Notes = append(p.Notes, Message{Code: code, Worker: worker.Name})
}

// spec returns a patch of fields of the spec.
func spec(values map[string]any) *Patch {
	patch := &Patch{Body: map[string]any{"spec": values}}
	for name := range values {
		patch.Fields = append(patch.Fields, "spec."+name)
	}
	return sorted(patch)
}

// annotation returns a patch of one annotation; nil removes it.
func annotation(key string, value any) *Patch {
	return (&Patch{}).annotate(key, value)
}

// annotate adds an annotation to a patch.
func (p *Patch) annotate(key string, value any) *Patch {
	if p.Body == nil {
		p.Body = map[string]any{}
	}
	metadata, ok := p.Body["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{"annotations": map[string]any{}}
		p.Body["metadata"] = metadata
	}
	if annotations, ok := metadata["annotations"].(map[string]any); ok {
		annotations[key] = value
	}
	p.Fields = append(p.Fields, "metadata.annotations."+key)
	return p
}

// Belongs refuses a pod that is not the pool's, or that is already being deleted.
func Belongs(worker *v1alpha1.QueueWorker, pod *corev1.Pod) error {
	switch {
	case pod.Labels[v1alpha1.LabelName] != worker.Name:
		return refuse(Message{Code: ForeignPod, Worker: worker.Name, Pod: pod.Name})
	case pod.DeletionTimestamp != nil:
		return refuse(Message{Code: PodLeaving, Worker: worker.Name, Pod: pod.Name})
	}
	return nil
}
