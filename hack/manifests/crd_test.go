// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// maxCompact keeps a CRD well below 262,144 bytes, the limit on all annotations of an
// object. Client-side `kubectl apply` stores the whole object in one annotation.
const maxCompact = 200_000

// kubernetesFields are the fields whose content Kubernetes documents.
var kubernetesFields = append([]string{"status.conditions"}, embeddedFields...)

func TestCRDsFitIntoAnAppliedAnnotation(t *testing.T) {
	for name, raw := range crdFiles(t) {
		compact, err := yaml.YAMLToJSON(raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Logf("%s: %d bytes compact", name, len(compact))
		if len(compact) > maxCompact {
			t.Errorf("%s is %d bytes as compact JSON, want at most %d", name, len(compact), maxCompact)
		}
	}
}

func TestEveryFieldIsDescribedByItsName(t *testing.T) {
	described := 0
	for name, crd := range crds(t) {
		for _, version := range crd.Spec.Versions {
			for _, top := range []string{"spec", "status"} {
				schema, ok := version.Schema.OpenAPIV3Schema.Properties[top]
				if !ok {
					continue
				}
				described += checkDescription(t, name, top, top, schema)
			}
		}
	}
	if described < 50 {
		t.Errorf("only %d fields were looked at; the walk misses most of the schema", described)
	}
}

// checkDescription checks a field and everything below it, and returns the number of
// checked fields.
func checkDescription(t *testing.T, crd, path, field string, schema apiextensionsv1.JSONSchemaProps) int {
	t.Helper()
	first, _, _ := strings.Cut(schema.Description, " ")
	if first != field {
		t.Errorf("%s: the description of %s begins with %q, want the field's name; write its doc comment as \"%s is ...\"", crd, path, first, field)
	}
	looked := 1
	if slices.Contains(kubernetesFields, path) {
		return looked
	}
	for name, below := range fieldsOf(schema) {
		looked += checkDescription(t, crd, path+"."+name, name, below)
	}
	return looked
}

// fieldsOf returns the fields of an object, of a list's entries or of a map's values.
func fieldsOf(schema apiextensionsv1.JSONSchemaProps) map[string]apiextensionsv1.JSONSchemaProps {
	if schema.Items != nil && schema.Items.Schema != nil {
		return schema.Items.Schema.Properties
	}
	if schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil {
		return schema.AdditionalProperties.Schema.Properties
	}
	return schema.Properties
}

func TestPrinterColumnsAndScaleShowFieldsThatExist(t *testing.T) {
	for name, crd := range crds(t) {
		for _, version := range crd.Spec.Versions {
			root := *version.Schema.OpenAPIV3Schema
			if len(version.AdditionalPrinterColumns) == 0 {
				t.Errorf("%s has no printer columns", name)
			}
			for _, column := range version.AdditionalPrinterColumns {
				got, ok := typeAt(root, column.JSONPath)
				if !ok {
					t.Errorf("%s: column %s shows %s, which is not in the schema", name, column.Name, column.JSONPath)
				}
				if want := column.Type; got != want && (want != "date" || got != "string") {
					t.Errorf("%s: column %s is declared %s, but %s is %s", name, column.Name, want, column.JSONPath, got)
				}
			}
			if version.Subresources == nil || version.Subresources.Scale == nil {
				continue
			}
			scale := version.Subresources.Scale
			for path, want := range map[string]string{scale.SpecReplicasPath: "integer", scale.StatusReplicasPath: "integer", *scale.LabelSelectorPath: "string"} {
				if got, ok := typeAt(root, path); !ok || got != want {
					t.Errorf("%s: the scale subresource uses %s, which is %q in the schema, want %q", name, path, got, want)
				}
			}
		}
	}
}

// typeAt follows a printer column's JSONPath, such as
// .status.conditions[?(@.type=="Ready")].reason, and returns the type at its end.
func typeAt(schema apiextensionsv1.JSONSchemaProps, path string) (string, bool) {
	if path == ".metadata.creationTimestamp" {
		return "string", true // the schema of metadata is Kubernetes' own
	}
	for len(path) > 0 {
		path = strings.TrimPrefix(path, ".")
		name := path[:min(indexOr(path, '.'), indexOr(path, '['))]
		path = path[len(name):]
		below, ok := schema.Properties[name]
		if !ok {
			return "", false
		}
		schema = below
		if strings.HasPrefix(path, "[") {
			end := strings.IndexByte(path, ']')
			if end < 0 || schema.Items == nil {
				return "", false
			}
			schema, path = *schema.Items.Schema, path[end+1:]
		}
	}
	return schema.Type, true
}

func indexOr(s string, c byte) int {
	if i := strings.IndexByte(s, c); i >= 0 {
		return i
	}
	return len(s)
}

func TestTypeAtFollowsPaths(t *testing.T) {
	schema := apiextensionsv1.JSONSchemaProps{Properties: map[string]apiextensionsv1.JSONSchemaProps{
		"status": {Properties: map[string]apiextensionsv1.JSONSchemaProps{
			"busy": {Type: "integer"},
			"conditions": {Type: "array", Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &apiextensionsv1.JSONSchemaProps{
				Properties: map[string]apiextensionsv1.JSONSchemaProps{"reason": {Type: "string"}},
			}}},
		}},
	}}
	tests := map[string]struct {
		path     string
		wantType string
		wantOK   bool
	}{
		"a plain field":               {".status.busy", "integer", true},
		"a field of a list's entry":   {`.status.conditions[?(@.type=="Ready")].reason`, "string", true},
		"a misspelt field":            {".status.bussy", "", false},
		"a misspelt field of a list":  {`.status.conditions[?(@.type=="Ready")].raison`, "", false},
		"an index of what is no list": {".status.busy[0]", "", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got, ok := typeAt(schema, tc.path); got != tc.wantType || ok != tc.wantOK {
				t.Errorf("typeAt(%s) = %q, %t; want %q, %t", tc.path, got, ok, tc.wantType, tc.wantOK)
			}
		})
	}
}

func TestStripEmbeddedKeepsOurWords(t *testing.T) {
	const crd = `spec:
  versions:
  - schema:
      openAPIV3Schema:
        description: the kind
        properties:
          spec:
            description: spec is ours
            properties:
              template:
                description: template is ours
                properties:
                  description:
                    description: theirs, of a property named description
                    type: string
                  list:
                    description: theirs
                    items:
                      anyOf:
                      - description: theirs
                        type: string
`
	const want = `spec:
  versions:
  - schema:
      openAPIV3Schema:
        description: the kind
        properties:
          spec:
            description: spec is ours
            properties:
              template:
                description: template is ours
                properties:
                  description:
                    type: string
                  list:
                    items:
                      anyOf:
                      - type: string
`
	got, err := stripEmbedded([]byte(crd))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("stripEmbedded (-want +got):\n%s", diff)
	}
	if _, err := stripEmbedded([]byte("kind: Deployment")); err == nil {
		t.Error("stripEmbedded accepted an object that is no CRD")
	}
}

func TestCRDTemplateEscapesBraces(t *testing.T) {
	const crd = "kind: CustomResourceDefinition\nmetadata:\n  annotations:\n    a: b\n  name: x\nspec:\n  text: '{{ no template }}'\n"
	const want = `{{- /* Code generated by hack/manifests. DO NOT EDIT. */ -}}
{{- if .Values.crds.install }}
kind: CustomResourceDefinition
metadata:
  annotations:
    {{- if .Values.crds.keep }}
    helm.sh/resource-policy: keep
    {{- end }}
    a: b
  labels:
    {{- include "queueworker.labels" . | nindent 4 }}
  name: x
spec:
  text: '{{ "{{" }} no template }}'
{{- end }}
`
	got, err := crdTemplate([]byte(crd))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("crdTemplate (-want +got):\n%s", diff)
	}
	if _, err := crdTemplate([]byte("kind: Other\n")); err == nil {
		t.Error("crdTemplate accepted an object without annotations, where crds.keep would be lost")
	}
}

func TestRulesTemplateNamesEachRole(t *testing.T) {
	role := []byte("kind: ClusterRole\nrules:\n- apiGroups: [apps]\n  resources: [deployments]\n  verbs: [get]\n")
	got, err := rulesTemplate(map[string][]byte{
		"role.yaml": role, "metrics_auth_role.yaml": role,
		"service_account.yaml": []byte("kind: ServiceAccount\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	const rules = "- apiGroups:\n  - apps\n  resources:\n  - deployments\n  verbs:\n  - get\n{{- end }}\n"
	want := "{{- /* " + generatedBy + " The rules come from config/rbac. */ -}}\n" +
		"{{- define \"queueworker.rules.metrics-auth\" -}}\n" + rules +
		"{{- define \"queueworker.rules.manager\" -}}\n" + rules
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("rulesTemplate (-want +got):\n%s", diff)
	}
	if _, err := rulesTemplate(map[string][]byte{"role.yaml": []byte("kind: Role\n")}); err == nil {
		t.Error("rulesTemplate accepted a role without rules")
	}
}

// crdFiles returns the committed CRDs; hack/verify-generated.sh checks that they are fresh.
func crdFiles(t *testing.T) map[string][]byte {
	t.Helper()
	top := filepath.Join("..", "..")
	files, err := readDir(filepath.Join(top, crdDir))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 3 {
		t.Fatalf("%s has %d CRDs, want those of QueueApp, QueueCommand and QueueWorker", crdDir, len(files))
	}
	for name := range files {
		if _, err := os.Stat(filepath.Join(top, chartCRDDir, name)); err != nil {
			t.Errorf("the chart lacks a CRD: %v", err)
		}
	}
	return files
}

func crds(t *testing.T) map[string]apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	parsed := map[string]apiextensionsv1.CustomResourceDefinition{}
	for name, raw := range crdFiles(t) {
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(raw, &crd); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		parsed[name] = crd
	}
	return parsed
}
