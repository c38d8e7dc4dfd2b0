// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// oddValues are tried in every kind of field.
var oddValues = []any{
	nil, true, int64(-1), int64(0), int64(3_000_000_000), float64(1e30), 1.5, "", "x", "3000000000",
	"1e1.5", "1e-2000000000", "1E+99", ".", "-0", "9999999999999999999999999999999999", "2026-02-30T00:00:00Z",
	"2026-01-01T00:00:00+99:99", "\x00", strings.Repeat("9", 4096), []any{}, map[string]any{},
}

// TestWhateverIsAcceptedCanBeRead: the operator must be able to read everything that the
// API server accepts. It watches all QueueApps in one list, so an object that Go cannot
// decode stops it for every user.
func TestWhateverIsAcceptedCanBeRead(t *testing.T) {
	namespace := newNamespace(t)
	for _, tc := range []struct {
		kind, file string
		into       func() client.Object
	}{
		{"QueueApp", "queueworker.dev_queueapps.yaml", func() client.Object { return &v1alpha1.QueueApp{} }},
		{"QueueCommand", "queueworker.dev_queuecommands.yaml", func() client.Object { return &v1alpha1.QueueCommand{} }},
		{"QueueWorker", "queueworker.dev_queueworkers.yaml", func() client.Object { return &v1alpha1.QueueWorker{} }},
	} {
		t.Run(tc.kind, func(t *testing.T) {
			schema := specSchema(t, tc.file)
			accepted, refused := 0, 0
			for _, place := range distinctPlaces(schema) {
				for _, odd := range oddValues {
					object := manifest(t, tc.kind, namespace, "odd", "")
					base := object.Object["spec"].(map[string]any)
					spec := place.put(odd).(map[string]any)
					for field, value := range base {
						if _, set := spec[field]; !set {
							spec[field] = value
						}
					}
					object.Object["spec"] = spec
					if err := api.Create(t.Context(), object, client.DryRunAll); err != nil {
						refused++
						continue
					}
					accepted++
					requireReadable(t, object, tc.into(), fmt.Sprintf("%s = %.60v", place.path, odd))
				}
			}
			t.Logf("%d odd objects were accepted and read, %d refused", accepted, refused)
			if tried := accepted + refused; accepted < tried/10 || refused < tried/10 {
				t.Errorf("so few of either kind mean that the test tries the wrong things")
			}
		})
	}
}

// requireReadable decodes the object as an informer would, within a second.
func requireReadable(t *testing.T, object *unstructured.Unstructured, into client.Object, what string) {
	t.Helper()
	raw, err := object.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- json.Unmarshal(raw, into) }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("%s is accepted and cannot be read: %v", what, err)
		}
	case <-time.After(time.Second):
		t.Fatalf("%s is accepted, and reading it does not end", what)
	}
}

func specSchema(t *testing.T, file string) apiextensionsv1.JSONSchemaProps {
	t.Helper()
	raw, err := os.ReadFile(crds + "/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(raw, &crd); err != nil {
		t.Fatal(err)
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
}

// place is a field somewhere in a spec. put makes a spec with a value in this field and
// with the required fields around it.
type place struct {
	path  string
	shape string
	put   func(any) any
}

// distinctPlaces returns up to twelve places of every shape that a leaf of the schema
// has.
func distinctPlaces(schema apiextensionsv1.JSONSchemaProps) []place {
	seen := map[string]int{}
	return slices.DeleteFunc(places(schema, "spec"), func(p place) bool {
		seen[p.shape]++
		return seen[p.shape] > 12
	})
}

func places(schema apiextensionsv1.JSONSchemaProps, path string) []place {
	var found []place
	within := func(inner []place, wrap func(any) any) {
		for _, p := range inner {
			found = append(found, place{p.path, p.shape, func(v any) any { return wrap(p.put(v)) }})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		within(places(schema.Properties[name], path+"."+name), func(v any) any {
			object, _ := sample(schema).(map[string]any)
			object[name] = v
			return object
		})
	}
	if schema.Items != nil {
		within(places(*schema.Items.Schema, path+"[0]"), func(v any) any { return []any{v} })
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		within(places(*schema.AdditionalProperties.Schema, path+"{key}"), func(v any) any { return map[string]any{"key": v} })
	}
	if len(found) == 0 {
		schema.Description, schema.Default = "", nil
		shape, _ := json.Marshal(schema)
		found = append(found, place{path, string(shape), func(v any) any { return v }})
	}
	return found
}

// sample returns the smallest value that the schema admits, judged by types alone.
func sample(schema apiextensionsv1.JSONSchemaProps) any {
	switch {
	case schema.XIntOrString:
		return int64(1)
	case len(schema.Enum) > 0:
		var value any
		_ = json.Unmarshal(schema.Enum[0].Raw, &value)
		return value
	case schema.Type == "object":
		object := map[string]any{}
		for _, name := range schema.Required {
			object[name] = sample(schema.Properties[name])
		}
		return object
	case schema.Type == "array":
		if schema.Items != nil && schema.Items.Schema.Type == "object" {
			return []any{sample(*schema.Items.Schema)}
		}
		return []any{}
	case schema.Type == "integer":
		return int64(1)
	case schema.Type == "boolean":
		return false
	}
	return "x"
}
