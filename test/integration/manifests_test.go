// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"errors"
	"maps"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// manifest returns a QueueWorker, QueueApp or QueueCommand as a user would write it. It
// may have wrong types, odd forms of numbers or unknown fields, which typed objects
// cannot have.
func manifest(t *testing.T, kind, namespace, name, spec string) *unstructured.Unstructured {
	t.Helper()
	fields := map[string]any{}
	switch kind {
	case "QueueWorker":
		fields["queue"] = "default"
	case "QueueCommand":
		fields["action"] = "ListFailed"
	default:
		fields["template"] = template(map[string]any{"name": "worker", "image": "registry.example.com/shop:1"})
	}
	var own map[string]any
	if err := yaml.Unmarshal([]byte(spec), &own); err != nil {
		t.Fatalf("the test's own YAML is wrong: %v", err)
	}
	maps.Copy(fields, own)
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(),
		"kind":       kind,
		"metadata":   map[string]any{"namespace": namespace, "name": name},
		"spec":       fields,
	}}
}

func template(container map[string]any) map[string]any {
	return map[string]any{"spec": map[string]any{"containers": []any{container}}}
}

// yamlOf returns the object as a file for kubectl.
func yamlOf(t *testing.T, object *unstructured.Unstructured) string {
	t.Helper()
	out, err := yaml.Marshal(object.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// causes returns the API server's reasons for a refusal, each as "field: message".
func causes(err error) []string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var lines []string
	for _, cause := range status.Status().Details.Causes {
		lines = append(lines, cause.Field+": "+cause.Message)
	}
	return lines
}

// quantityPattern is the beginning of the pattern for quantities in a template, because
// Kubernetes' own fields carry no rule in words.
const quantityPattern = `should match '^[+-]?([0-9]{1,30}`

// requireRefused fails the test unless err refuses the spec with a cause for the field
// that contains the phrase. No cause may be an internal complaint about a rule.
func requireRefused(t *testing.T, err error, field, phrase string) {
	t.Helper()
	if err == nil {
		t.Fatal("the apiserver accepted it")
	}
	if !apierrors.IsInvalid(err) {
		t.Fatalf("refused with %q instead of Invalid: %v", apierrors.ReasonForError(err), err)
	}
	got := causes(err)
	found := false
	for _, cause := range got {
		if strings.HasPrefix(cause, field+": ") && strings.Contains(cause, phrase) {
			found = true
		}
		for _, internal := range []string{"rule evaluation", "no such overload", "no such key", "should match '"} {
			if strings.Contains(cause, internal) && !strings.Contains(cause, quantityPattern) {
				t.Errorf("a user cannot act on %q", cause)
			}
		}
	}
	if !found {
		t.Fatalf("no cause names the field %s and says %q:\n%s", field, phrase, strings.Join(got, "\n"))
	}
}

// decode reads an object as the operator would.
func decode(t *testing.T, object *unstructured.Unstructured, into any) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, into); err != nil {
		t.Fatalf("the operator cannot read what the apiserver accepted: %v", err)
	}
}
