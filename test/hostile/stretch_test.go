// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// schema is a part of an OpenAPI schema.
type schema map[string]any

func (s schema) number(name string, otherwise int) int {
	if value, ok := s[name].(float64); ok {
		return int(value)
	}
	return otherwise
}

func (s schema) child(name string) schema {
	child, _ := s[name].(map[string]any)
	return child
}

func (s schema) strings(name string) []string {
	list, _ := s[name].([]any)
	out := make([]string, 0, len(list))
	for _, item := range list {
		if text, ok := item.(string); ok {
			out = append(out, text)
		}
	}
	return out
}

// stretch is a place in a kind that can be made large: a list, a map or a string.
type stretch struct {
	path string
	// make returns a value for the place's parent, of about size bytes of JSON.
	make func(size int) any
}

// unbounded is more than fits into an object.
const unbounded = 1 << 21

// stretches finds every place in a schema that can be made large. It also fills the lists
// above the place, because a bound on each list still leaves their product. Strings,
// which are the most places and cost the least, are only in the long form.
func stretches(s schema, path string) []stretch {
	var out []stretch
	switch {
	case s.child("properties") != nil:
		for _, name := range slices.Sorted(maps.Keys(s.child("properties"))) {
			for _, inner := range stretches(s.child("properties").child(name), path+"."+name) {
				out = append(out, stretch{inner.path, func(size int) any {
					object, _ := least(s, 0).(map[string]any)
					object[name] = inner.make(size)
					return object
				}})
			}
		}
	case s["type"] == "array":
		out = append(out, stretch{path, func(size int) any { return list(s, size, func(i int) any { return least(s.child("items"), i) }) }})
		for _, inner := range stretches(s.child("items"), path+"[]") {
			out = append(out, stretch{inner.path, func(size int) any {
				return list(s, size, func(i int) any { return distinct(s, inner.make(size), i) })
			}})
		}
	case s.child("additionalProperties") != nil:
		out = append(out, stretch{path, func(size int) any { return pairs(s, size) }})
	case long() && s["type"] == "string" && s["enum"] == nil && s["format"] == nil:
		out = append(out, stretch{path, func(size int) any { return strings.Repeat("x", min(size, s.number("maxLength", unbounded))) }})
	}
	return out
}

// list makes as many elements as the schema and the size allow, at least one.
func list(s schema, size int, element func(i int) any) []any {
	var out []any
	for i, used := 0, 0; i < s.number("maxItems", unbounded) && (used < size || i == 0); i++ {
		one := element(i)
		document, _ := json.Marshal(one) // only JSON values
		used += len(document) + 1
		out = append(out, one)
	}
	return out
}

// pairs fills a map.
func pairs(s schema, size int) map[string]any {
	out := map[string]any{}
	for i := range min(size/12, s.number("maxProperties", unbounded)) {
		out[fmt.Sprintf("k%d", i)] = least(s.child("additionalProperties"), i)
	}
	return out
}

// distinct gives an element of a list the keys that distinguish it from the others.
func distinct(s schema, element any, i int) any {
	object, ok := element.(map[string]any)
	if !ok {
		return element
	}
	out := maps.Clone(object)
	for _, key := range s.strings("x-kubernetes-list-map-keys") {
		if kind := s.child("items").child("properties").child(key); kind["default"] == nil && kind["enum"] == nil {
			out[key] = least(kind, i)
		}
	}
	return out
}

// least returns the smallest value a schema accepts; i distinguishes it from the others.
func least(s schema, i int) any {
	if values, ok := s["enum"].([]any); ok && len(values) > 0 {
		return values[0]
	}
	switch s["type"] {
	case "object":
		out := map[string]any{}
		for _, name := range s.strings("required") {
			out[name] = least(s.child("properties").child(name), i)
		}
		return out
	case "array":
		return list(schema{"maxItems": float64(max(1, s.number("minItems", 0)))}, 0, func(j int) any { return least(s.child("items"), j) })
	case "string":
		return fmt.Sprintf("v%d", i)
	case "integer", "number":
		return max(1, s.number("minimum", 1)) + i%max(1, s.number("maximum", unbounded)-1)
	case "boolean":
		return true
	}
	return 1 + i // a number or a string
}

// schemaOf returns the schema of a kind's spec or status as it is installed.
func schemaOf(t *testing.T, kind, part string) schema {
	t.Helper()
	text, err := cluster.Kubectl(t.Context(), "", "get", "crd", resourceOf(kind)+".queueworker.dev", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var crd schema
	if err := json.Unmarshal([]byte(text), &crd); err != nil {
		t.Fatal(err)
	}
	versions, _ := crd.child("spec")["versions"].([]any)
	version, _ := versions[0].(map[string]any)
	return schema(version).child("schema").child("openAPIV3Schema").child("properties").child(part)
}

// over lays one value over another: what the upper value lacks comes from the lower one,
// in lists from the element at the same place.
func over(upper, lower any) any {
	switch lower := lower.(type) {
	case map[string]any:
		up, ok := upper.(map[string]any)
		if !ok {
			return upper
		}
		out := maps.Clone(up)
		for name, value := range lower {
			if own, has := up[name]; has {
				out[name] = over(own, value)
			} else {
				out[name] = value
			}
		}
		return out
	case []any:
		up, ok := upper.([]any)
		if !ok || len(up) == 0 {
			return upper
		}
		out := slices.Clone(up)
		for i := range out {
			if i < len(lower) {
				out[i] = over(out[i], lower[i])
			} else if one, ok := out[i].(map[string]any); ok && len(lower) > 0 {
				out[i] = over(one, without(lower[0], "name"))
			}
		}
		return out
	}
	return upper
}

func without(value any, name string) any {
	object, ok := value.(map[string]any)
	if !ok {
		return value
	}
	out := maps.Clone(object)
	delete(out, name)
	return out
}
