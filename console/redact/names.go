// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// KeepNames keeps the names in an object's spec that a diagnosis is about: its queues,
// its connection and its containers. An env may contain them too.
func (r *Redactor) KeepNames(object map[string]any) {
	text := func(path ...string) string {
		found, _, _ := unstructured.NestedString(object, path...) // empty if the field is no string
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
