// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// printing tells whether the status of an object has in its messages what jobs have
// printed: the pod of a command has it as the last word of its container, a
// QueueCommand in all its messages.
func printing(object map[string]any) (printed, all bool) {
	of := unstructured.Unstructured{Object: object}
	return of.GetKind() == "QueueCommand" || of.GetLabels()[v1alpha1.LabelCommand] != "", of.GetKind() == "QueueCommand"
}

// unsaid is what is left of a status without messages: without all of them, or without
// those of containers that have ended. The messages are learned, since other text may
// have lines of them.
func (r *Redactor) unsaid(before, after any, all bool) any {
	switch typed := before.(type) {
	case map[string]any:
		out, ok := after.(map[string]any)
		if !ok {
			return after
		}
		for name, value := range typed {
			if text, ok := value.(string); ok && all && name == "message" {
				r.learn("", text)
				out[name] = gone(text)
				continue
			}
			out[name] = r.unsaid(value, out[name], all || name == "terminated")
		}
	case []any:
		out, ok := after.([]any)
		if !ok {
			return after
		}
		for i, value := range typed {
			out[i] = r.unsaid(value, out[i], all)
		}
	}
	return after
}

// KeepNames keeps the names in an object's spec that a diagnosis is about: its queues,
// its connection and its containers. They may well stand in an env too.
func (r *Redactor) KeepNames(object map[string]any) {
	text := func(path ...string) string {
		found, _, _ := unstructured.NestedString(object, path...) // empty if it is none
		return found
	}
	r.Keep(text("spec", "queue"), text("spec", "connection", "name"))
	r.Keep(strings.Split(text("spec", "queue"), ",")...)
	for _, pod := range [][]string{{"spec"}, {"spec", "template", "spec"}} {
		for _, field := range []string{"containers", "initContainers"} {
			containers, _, _ := unstructured.NestedSlice(object, append(pod, field)...)
			for _, container := range containers {
				if fields, ok := container.(map[string]any); ok {
					name, _ := fields["name"].(string)
					r.Keep(name)
				}
			}
		}
	}
}
