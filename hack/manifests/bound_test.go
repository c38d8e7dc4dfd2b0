// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/bounds"
)

// unboundedFields have other limits: the API server bounds the length of a date, and
// compares kind and version with the address of the request.
var unboundedFields = []string{"apiVersion", "kind"}

func TestEveryListMapAndStringHasABound(t *testing.T) {
	looked := 0
	for name, crd := range crds(t) {
		for _, version := range crd.Spec.Versions {
			for field, schema := range version.Schema.OpenAPIV3Schema.Properties {
				if !slices.Contains(unboundedFields, field) && field != "metadata" {
					looked += checkBounds(t, name, field, schema)
				}
			}
		}
	}
	if looked < 1000 {
		t.Errorf("only %d values were looked at; the walk misses most of the schema", looked)
	}
}

// checkBounds checks a value and everything in it, and returns the number of checked values.
func checkBounds(t *testing.T, crd, path string, schema apiextensionsv1.JSONSchemaProps) int {
	t.Helper()
	missing, looked := "", 1
	switch {
	case schema.Type == "array":
		if schema.MaxItems == nil {
			missing = "maxItems"
		}
		looked += checkBounds(t, crd, path+"[]", *schema.Items.Schema)
	case schema.AdditionalProperties != nil:
		bounded := func(rule apiextensionsv1.ValidationRule) bool {
			return strings.HasPrefix(rule.Rule, "self.all(")
		}
		if schema.MaxProperties == nil || !slices.ContainsFunc(schema.XValidations, bounded) {
			missing = "maxProperties, or a rule that begins with self.all( and bounds its keys"
		}
		looked += checkBounds(t, crd, path+"{}", *schema.AdditionalProperties.Schema)
	case schema.Type == "string" || schema.XIntOrString:
		if schema.MaxLength == nil && len(schema.Enum) == 0 && schema.Format != "date-time" {
			missing = "maxLength"
		}
	case schema.Type == "object" && len(schema.Properties) == 0:
		missing = "properties; an object may hold anything without them,"
	case schema.XPreserveUnknownFields != nil:
		missing = "properties; x-kubernetes-preserve-unknown-fields lets everything in, so it"
	}
	if missing != "" {
		t.Errorf("%s: %s has no %s; without it one object can hold more than the operator has memory for", crd, path, missing)
	}
	for name, below := range schema.Properties {
		looked += checkBounds(t, crd, path+"."+name, below)
	}
	return looked
}

// An API server rejects a CRD whose rules may cost too much. It derives the cost from the
// bounds of all lists and strings that the rules read.
func TestAnAPIServerTakesTheCRDs(t *testing.T) {
	for name, crd := range crds(t) {
		crd.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.NoneConverter}
		crd.Spec.PreserveUnknownFields = false
		crd.Status.StoredVersions = []string{crd.Spec.Versions[0].Name}
		var internal apiextensions.CustomResourceDefinition
		if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&crd, &internal, nil); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if errs := validation.ValidateCustomResourceDefinition(t.Context(), &internal); len(errs) > 0 {
			t.Errorf("%s: %v", name, errs.ToAggregate())
		}
	}
}

func TestBoundNeedsEveryMapInTheTable(t *testing.T) {
	const crd = `spec:
  versions:
  - schema:
      openAPIV3Schema:
        properties:
          spec:
            properties:
              template:
                type: object
                properties:
                  %s:
                    type: object
                    additionalProperties:
                      type: string
`
	if _, err := bound(fmt.Appendf(nil, crd, "labels")); err != nil {
		t.Error(err)
	}
	if _, err := bound(fmt.Appendf(nil, crd, "unheardOf")); err == nil {
		t.Error("a map was bounded that the operator would take for an object of fixed fields")
	}
}

// The operator would check an object by the wrong bounds if it took the object for a map.
func TestNoObjectOfFixedFieldsHasTheNameOfAMap(t *testing.T) {
	maps := bounds.Maps()
	seen := map[string]bool{}
	var walk func(path, field string, schema apiextensionsv1.JSONSchemaProps)
	walk = func(path, field string, schema apiextensionsv1.JSONSchemaProps) {
		if _, named := maps[field]; named && schema.Type == "object" {
			seen[field] = true
			if schema.AdditionalProperties == nil {
				t.Errorf("%s has fixed fields, and api/bounds has a map of this name", path)
			}
		}
		if schema.Items != nil {
			walk(path+"[]", "", *schema.Items.Schema)
		}
		for name, below := range schema.Properties {
			walk(path+"."+name, name, below)
		}
	}
	for name, crd := range crds(t) {
		walk(name, "", crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"])
	}
	for field := range maps {
		if !seen[field] {
			t.Errorf("api/bounds has a map %s, which is in no schema", field)
		}
	}
}

func TestTextSizeSumsLongTexts(t *testing.T) {
	const schema = `
type: object
properties:
  short: {type: string, maxLength: 100}
  text: {type: string, maxLength: 32768}
  none: {type: array, maxItems: 0, items: {type: string, maxLength: 32768}}
  map: {type: object, additionalProperties: {type: string, maxLength: 32768}}
  list:
    type: array
    maxItems: 3
    items: {type: object, properties: {args: {type: array, maxItems: 5, items: {type: string, maxLength: 32768}}}}
`
	var parsed map[string]any
	if err := yaml.Unmarshal([]byte(schema), &parsed); err != nil {
		t.Fatal(err)
	}
	const want = "(has(self.list) ? self.list.map(v0, (has(v0.args) ? v0.args.map(v1, size(v1)).sum() : 0)).sum() : 0)" +
		" + (has(self.map) ? self.map.map(v0, size(self.map[v0])).sum() : 0)" +
		" + (has(self.text) ? size(self.text) : 0)"
	if got := textSize(parsed, "self", 0); got != want {
		t.Errorf("textSize() =\n%s\nwant\n%s", got, want)
	}
}
