// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package intent decides what a command writes: from the QueueWorker as it is and
// what the user asks for to merge patches of its spec, its annotations and those of
// one pod. It asks neither the cluster nor a clock.
//
// A switch that is turned off is written as false, not removed: a manifest in Git
// that says false then differs in nothing from what is in the cluster.
package intent

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// A Patch is a JSON merge patch of one object.
type Patch struct {
	// Body is the patch.
	Body map[string]any
	// Fields are the fields it writes, such as spec.paused, for whoever asks whose
	// they are.
	Fields []string
	// Locked is for a value that was reckoned from the one that was read: the patch is
	// to hold only for the version that was read.
	Locked bool
}

// A Plan is what a command does with one QueueWorker. With neither patch the pool is
// as it was asked for already.
type Plan struct {
	// Pod is the patch of the worker's pod, written before Worker: a pod that is to go
	// is marked before the pool gets smaller, or another one might go.
	Pod *Patch
	// Worker is the patch of the QueueWorker.
	Worker *Patch
	// Done says what holds once the patches are written, to stand after the pool's
	// name: "is paused".
	Done string
	// Danger says what the patches may destroy, and has to be confirmed. Empty: nothing.
	Danger string
	// Notes say what the user might not expect.
	Notes []string
}

// A Refusal is why a command does nothing, in a sentence with what to do.
type Refusal string

// Error is the sentence.
func (r Refusal) Error() string { return string(r) }

func refuse(format string, arguments ...any) error {
	return Refusal(fmt.Sprintf(format, arguments...))
}

// spec is a patch of fields of the spec.
func spec(values map[string]any) *Patch {
	patch := &Patch{Body: map[string]any{"spec": values}}
	for name := range values {
		patch.Fields = append(patch.Fields, "spec."+name)
	}
	return sorted(patch)
}

// annotation is a patch of one annotation; nil removes it.
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

// Belongs refuses a pod that is none of the pool's, or that is going already.
func Belongs(worker *v1alpha1.QueueWorker, pod *corev1.Pod) error {
	switch {
	case pod.Labels[v1alpha1.LabelName] != worker.Name:
		return refuse("pod %s belongs to no worker of QueueWorker %s; `kubectl queueworker workers %s` lists them", pod.Name, worker.Name, worker.Name)
	case pod.DeletionTimestamp != nil:
		return refuse("pod %s is being removed already", pod.Name)
	}
	return nil
}

// isBatch tells whether a pool works in runs.
func isBatch(worker *v1alpha1.QueueWorker) bool { return worker.Spec.Mode == v1alpha1.ModeBatch }
