// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cached

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/json"
)

const (
	// MaxTemplateBytes bounds the JSON of a template that the operator uses. Kubernetes
	// bounds the annotations of one object to the same 256 KiB.
	MaxTemplateBytes = 256 << 10
	// MaxTemplateValues bounds the JSON values in a template that the operator uses:
	// objects, lists, strings and numbers. A value may take 500 bytes once it is decoded.
	// A pod of ten containers with a hundred variables each has about 4,000 values.
	MaxTemplateValues = 10_000
)

// Template is a pod template as JSON.
type Template struct {
	// document is the JSON; empty if the operator cannot use the template.
	document string
	// refusal says why the operator cannot use the template.
	refusal string
}

// NewTemplate returns the template of a JSON document.
func NewTemplate(document []byte) Template {
	if refusal := refuse(document); refusal != "" {
		return Template{refusal: refusal}
	}
	return Template{document: string(document)}
}

// refuse says why the operator does not decode a template; empty if it does. The
// CustomResourceDefinition has had bounds only since a later version, and an API server
// checks an object when it is written, so that larger templates may be stored.
func refuse(document []byte) string {
	if len(document) > MaxTemplateBytes {
		return fmt.Sprintf("spec.template has %d bytes of JSON, and the operator reads at most %d", len(document), MaxTemplateBytes)
	}
	if values := countValues(document); values > MaxTemplateValues {
		return fmt.Sprintf("spec.template has %d values, counting every object, list, string and number, and the operator reads at most %d",
			values, MaxTemplateValues)
	}
	return ""
}

// countValues counts the values of a valid JSON document: every value but the first
// follows an opening bracket or a comma. An empty list counts as two.
func countValues(document []byte) int {
	values, quoted := 1, false
	for i := 0; i < len(document); i++ {
		switch c := document[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == '{' || c == '[' || c == ','):
			values++
		}
	}
	return values
}

// decode returns the decoded template, or says why there is none. A template of a
// QueueApp without one is empty.
func (t Template) decode() (*corev1.PodTemplateSpec, string) {
	if t.refusal != "" {
		return nil, t.refusal
	}
	out := &corev1.PodTemplateSpec{}
	if t.document == "" {
		return out, ""
	}
	if err := json.Unmarshal([]byte(t.document), out); err != nil {
		return nil, fmt.Sprintf("spec.template cannot be read: %v", err)
	}
	return out, ""
}

// IsZero reports whether there is no JSON, so that encoding/json leaves the field out.
func (t Template) IsZero() bool { return t.document == "" }

// MarshalJSON returns the JSON as it was read.
func (t Template) MarshalJSON() ([]byte, error) {
	if t.document == "" {
		return []byte("null"), nil
	}
	return []byte(t.document), nil
}

// UnmarshalJSON keeps the JSON. It copies, because the decoder uses its buffer again.
func (t *Template) UnmarshalJSON(document []byte) error {
	*t = NewTemplate(document)
	return nil
}
