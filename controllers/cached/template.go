// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cached

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/json"

	"queueworker.dev/queueworker/api/bounds"
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

// refuse says why the operator does not decode a template; empty if it does. Older
// versions of the CustomResourceDefinition had no bounds, and an API server checks an
// object only when it is written. So larger templates may be stored.
func refuse(document []byte) string {
	excess, err := bounds.Check("spec.template", document, bounds.Template)
	switch {
	case err != nil:
		return err.Error()
	case excess != nil:
		return excess.String()
	}
	return ""
}

// Refusal says which value of the template exceeds which bound, so that the operator
// does not decode it; empty if none does.
func (t Template) Refusal() string { return t.refusal }

// decode returns the decoded template, or says why there is none. A QueueApp without a
// template has an empty one.
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
