// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
)

// stretch makes JSON documents of a kind in which one list, map or text is as long as its
// schema permits, or as long as bytes permits. The elements are the smallest possible ones.
type stretch struct {
	bytes int
	found map[string][]byte
}

// walk visits the values of a schema. wrap makes a document from the JSON of a value.
func (s *stretch) walk(path string, schema map[string]any, wrap func(string) string) {
	switch schema["type"] {
	case "object":
		properties, _, _ := unstructured.NestedMap(schema, "properties")
		for name, property := range properties {
			s.walk(path+"."+name, property.(map[string]any), func(value string) string {
				return wrap(fmt.Sprintf(`{%q:%s}`, name, value))
			})
		}
		if values, ok, _ := unstructured.NestedMap(schema, "additionalProperties"); ok {
			s.add(path, wrap, "{", "}", schema["maxProperties"], func(i int) string { return fmt.Sprintf(`"k%d":%s`, i, smallest(values)) })
		}
	case "array":
		items, _, _ := unstructured.NestedMap(schema, "items")
		s.add(path, wrap, "[", "]", schema["maxItems"], func(int) string { return smallest(items) })
		s.walk(path+"[]", items, func(value string) string { return wrap("[" + value + "]") })
	case "string":
		most := s.bytes
		if limit, ok := schema["maxLength"].(int64); ok {
			most = min(most, int(limit))
		}
		if schema["format"] == nil && schema["x-kubernetes-int-or-string"] == nil && most > 100 {
			s.found[path] = []byte(wrap(`"` + strings.Repeat("x", most) + `"`))
		}
	}
}

// add adds a document with as many elements as permitted.
func (s *stretch) add(path string, wrap func(string) string, open, end string, limit any, element func(int) string) {
	most := s.bytes
	if limit, ok := limit.(int64); ok {
		most = int(limit)
	}
	var list strings.Builder
	for i := 0; i < most && list.Len() < s.bytes; i++ {
		if i > 0 {
			list.WriteByte(',')
		}
		list.WriteString(element(i))
	}
	s.found[path] = []byte(wrap(open + list.String() + end))
}

// smallest returns the shortest JSON value that the Go type of a schema can be read from.
func smallest(schema map[string]any) string {
	switch {
	case schema["x-kubernetes-int-or-string"] == true, schema["type"] == "integer", schema["type"] == "number":
		return "0"
	case schema["type"] == "boolean":
		return "false"
	case schema["type"] == "array":
		return "[]"
	case schema["type"] == "string" && schema["format"] == "date-time":
		return `"2026-11-23T12:00:00Z"`
	case schema["type"] == "string" && schema["maxLength"] == int64(16):
		return `"1s"` // a duration
	case schema["type"] == "string":
		return `""`
	}
	var fields []string
	required, _, _ := unstructured.NestedStringSlice(schema, "required")
	for _, name := range required {
		property, _, _ := unstructured.NestedMap(schema, "properties", name)
		fields = append(fields, fmt.Sprintf("%q:%s", name, smallest(property)))
	}
	return "{" + strings.Join(fields, ",") + "}"
}

// schemaOf reads the schema of a kind from its CustomResourceDefinition.
func schemaOf(t testing.TB, resource string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile("../../config/crd/bases/queueworker.dev_" + resource + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	crd := &unstructured.Unstructured{}
	if raw, err = yaml.YAMLToJSON(raw); err != nil {
		t.Fatal(err)
	}
	if err := crd.UnmarshalJSON(raw); err != nil {
		t.Fatal(err)
	}
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	schema, ok, err := unstructured.NestedMap(versions[0].(map[string]any), "schema", "openAPIV3Schema")
	if !ok || err != nil {
		t.Fatalf("%s has no schema: %v", resource, err)
	}
	return schema
}

// TestAnObjectCostsAtMostTenTimesItsBytes stretches every list, map and text of the
// operator's kinds as far as the schema permits, and measures what the cache keeps of it.
func TestAnObjectCostsAtMostTenTimesItsBytes(t *testing.T) {
	scheme := kruntime.NewScheme()
	if err := cached.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme).UniversalDeserializer()
	const copies, most, fixed = 4, 10, 32 << 10
	for resource, kind := range map[string]client.Object{"queueapps": &cached.QueueApp{}, "queueworkers": &v1alpha1.QueueWorker{}, "queuecommands": &v1alpha1.QueueCommand{}} {
		name := reflect.TypeOf(kind).Elem().Name()
		s := &stretch{bytes: 100 << 10, found: map[string][]byte{}}
		for _, part := range []string{"spec", "status"} {
			schema, _, _ := unstructured.NestedMap(schemaOf(t, resource), "properties", part)
			s.walk("."+part, schema, func(value string) string { return fmt.Sprintf(`{%q:%s}`, part, value) })
		}
		for _, field := range []string{"labels", "annotations"} {
			s.add(".metadata."+field, func(value string) string { return fmt.Sprintf(`{"metadata":{%q:%s}}`, field, value) }, "{", "}", nil,
				func(i int) string { return fmt.Sprintf(`"queueworker.dev/%d":""`, i) })
		}
		if len(s.found) < 10 {
			t.Fatalf("%s has just the lists %v", name, s.found)
		}
		for path, document := range s.found {
			document = bytes.Replace(document, []byte("{"), fmt.Appendf(nil, `{"apiVersion":%q,"kind":%q,`, v1alpha1.SchemeGroupVersion, name), 1)
			var kept [copies]any
			before := live()
			for i := range kept {
				object, _, err := decoder.Decode(document, nil, nil)
				if err != nil {
					t.Fatalf("%s %s: %v", name, path, err)
				}
				kept[i] = slimmed(t, object.(client.Object))
			}
			if each := int(live()-before) / copies; each > most*len(document)+fixed {
				t.Errorf("%s %s: %d bytes take %d bytes of heap", name, path, len(document), each)
			}
			runtime.KeepAlive(kept)
		}
	}
}
