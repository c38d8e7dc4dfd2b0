// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package stretch

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"queueworker.dev/queueworker/api/bounds"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// App is a QueueApp without a namespace.
type App struct {
	// Name says what is stretched: a path such as spec.template.spec.tolerations, or
	// "keys of" a map.
	Name   string
	Object *unstructured.Unstructured
	// Most is the bound, and Size is the actual size; both are 0 if many values are
	// stretched.
	Most, Size int64
	// Kind is what Size counts.
	Kind bounds.Kind
}

// Template returns the JSON of spec.template.
func (a *App) Template() []byte {
	template, _, _ := unstructured.NestedFieldNoCopy(a.Object.Object, "spec", "template")
	document, err := json.Marshal(template)
	if err != nil {
		panic(err) // made of maps, lists, strings and numbers
	}
	return document
}

// Bytes returns the size of the object's JSON.
func (a *App) Bytes() int {
	document, err := json.Marshal(a.Object)
	if err != nil {
		panic(err) // made of maps, lists, strings and numbers
	}
	return len(document)
}

// EachBound makes two QueueApps for every list, map, key and string of spec.template. In
// one it is as large as its bound, and in the other larger by 1.
func (a *Apps) EachBound() iter.Seq[*App] {
	return func(yield func(*App) bool) {
		w := walk{yield: yield}
		template := a.root.Properties["spec"].Properties["template"]
		w.field("spec.template", template, func(template any) *unstructured.Unstructured {
			return queueApp(a.withContainer(template))
		})
	}
}

// withContainer adds a container to a template that has none, because a template needs
// one.
func (a *Apps) withContainer(template any) map[string]any {
	out, _ := template.(map[string]any)
	spec, _ := out["spec"].(map[string]any)
	if out == nil {
		out = map[string]any{}
	}
	if spec == nil {
		spec = map[string]any{}
		out["spec"] = spec
	}
	if containers, _ := spec["containers"].([]any); len(containers) == 0 {
		spec["containers"] = []any{map[string]any{"name": "worker", "image": "registry.example.com/shop:1"}}
	}
	return out
}

func queueApp(template map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": "QueueApp",
		"metadata": map[string]any{"name": "stretched"},
		"spec":     map[string]any{"template": template},
	}}
}

// wrap makes an object from the value of one field.
type wrap func(value any) *unstructured.Unstructured

type walk struct {
	yield func(*App) bool
	done  bool
}

// bound yields an object at a bound and an object beyond it.
func (w *walk) bound(name string, kind bounds.Kind, most int64, in wrap, value func(size int) any) {
	for _, size := range []int64{most, most + 1} {
		if w.done || size < 0 {
			return
		}
		app := &App{Name: name, Object: in(value(int(size))), Most: most, Size: size, Kind: kind}
		w.done = !w.yield(app)
	}
}

func (w *walk) field(name string, schema apiextensionsv1.JSONSchemaProps, in wrap) {
	switch {
	case schema.Type == "array":
		w.list(name, schema, in)
	case schema.AdditionalProperties != nil:
		w.mapping(name, schema, in)
	case schema.Type == "object":
		for _, property := range slices.Sorted(maps.Keys(schema.Properties)) {
			w.field(name+"."+property, schema.Properties[property], func(value any) *unstructured.Unstructured {
				object, _ := smallest(schema, 0).(map[string]any)
				object[property] = value
				return in(object)
			})
		}
	case isText(schema) && schema.MaxLength != nil:
		w.bound(name, bounds.Text, *schema.MaxLength, in, func(size int) any { return strings.Repeat("x", size) })
	}
}

func (w *walk) list(name string, schema apiextensionsv1.JSONSchemaProps, in wrap) {
	items := entry(schema)
	if schema.MaxItems != nil {
		w.bound(name, bounds.List, *schema.MaxItems, in, func(size int) any { return entries(items, size) })
		if *schema.MaxItems == 0 {
			return
		}
	}
	w.field(name+"[]", items, func(value any) *unstructured.Unstructured { return in([]any{value}) })
}

func (w *walk) mapping(name string, schema apiextensionsv1.JSONSchemaProps, in wrap) {
	values := *schema.AdditionalProperties.Schema
	if schema.MaxProperties != nil {
		w.bound(name, bounds.Map, *schema.MaxProperties, in, func(size int) any {
			out := make(map[string]any, size)
			for i := range size {
				out[fmt.Sprintf("k%d", i)] = smallest(values, i)
			}
			return out
		})
	}
	most, _ := bounds.Of(bounds.Key, "", name)
	w.bound("keys of "+name, bounds.Key, int64(most), in, func(size int) any {
		return map[string]any{strings.Repeat("k", size): smallest(values, 0)}
	})
	w.field(name+"{}", values, func(value any) *unstructured.Unstructured { return in(map[string]any{"k": value}) })
}

// isText reports whether a value may be any text up to its bound.
func isText(schema apiextensionsv1.JSONSchemaProps) bool {
	return (schema.Type == "string" || schema.XIntOrString) && schema.Pattern == "" && len(schema.Enum) == 0
}

// entry returns the schema of a list's entries. It requires the keys that distinguish the
// entries.
func entry(list apiextensionsv1.JSONSchemaProps) apiextensionsv1.JSONSchemaProps {
	items := *list.Items.Schema
	items.Required = slices.Concat(items.Required, list.XListMapKeys)
	return items
}

// entries returns n small entries of a list that differ from each other.
func entries(items apiextensionsv1.JSONSchemaProps, n int) []any {
	out := make([]any, n)
	for i := range out {
		out[i] = smallest(items, i)
	}
	return out
}

// smallest returns the smallest value of a schema. Values of different numbers differ.
func smallest(schema apiextensionsv1.JSONSchemaProps, number int) any {
	switch {
	case len(schema.Enum) > 0:
		var value any
		if json.Unmarshal(schema.Enum[number%len(schema.Enum)].Raw, &value) != nil {
			panic("the enum of a CRD is no JSON")
		}
		return value
	case schema.XIntOrString, schema.Type == "integer", schema.Type == "number":
		return int64(number + 1)
	case schema.Type == "boolean":
		return true
	case schema.Type == "array":
		return []any{}
	case schema.Type == "string":
		return fmt.Sprintf("x%d", number)
	}
	out := map[string]any{}
	if schema.AdditionalProperties != nil {
		return out
	}
	for _, required := range schema.Required {
		out[required] = smallest(schema.Properties[required], number)
	}
	return out
}
