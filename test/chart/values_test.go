// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestWrongValuesAreRefused(t *testing.T) {
	tests := map[string]struct {
		values string
		want   []string // what the message must contain
	}{
		"a misspelt value":               {"replica: 2", []string{"replica", "not allowed"}},
		"a misspelt nested value":        {"metrics: {enable: true}", []string{"/metrics", "enable", "not allowed"}},
		"a number as text":               {"replicas: two", []string{"/replicas", "integer"}},
		"fewer than no replicas":         {"replicas: -1", []string{"/replicas", "minimum"}},
		"an unknown log level":           {"logLevel: chatty", []string{"/logLevel", "error", "info", "debug"}},
		"one namespace as text":          {"watchNamespaces: shop", []string{"/watchNamespaces", "array"}},
		"a namespace with capitals":      {"watchNamespaces: [Shop]", []string{"/watchNamespaces/0", "pattern"}},
		"a namespace twice":              {"watchNamespaces: [shop, shop]", []string{"/watchNamespaces", "equal"}},
		"no repository":                  {"image: {repository: ''}", []string{"/image/repository"}},
		"a digest without its algorithm": {"image: {digest: abcdef}", []string{"/image/digest", "pattern"}},
		"an unknown pull policy":         {"image: {pullPolicy: Sometimes}", []string{"/image/pullPolicy", "Always", "IfNotPresent", "Never"}},
		"a privileged metrics port":      {"metrics: {port: 443}", []string{"/metrics/port", "minimum"}},
		"the probes' port for metrics":   {"metrics: {port: 8081}", []string{"/metrics/port"}},
		"an interval without a unit":     {"metrics: {serviceMonitor: {interval: '30'}}", []string{"/metrics/serviceMonitor/interval", "pattern"}},
		"a pull secret as text":          {"imagePullSecrets: [mirror]", []string{"/imagePullSecrets/0", "object"}},
		"a share of next to nothing":     {"namespaceCPU: 0.001", []string{"/namespaceCPU"}},
		"no concurrency":                 {"maxConcurrentReconciles: 0", []string{"/maxConcurrentReconciles", "minimum"}},
		"a number as a label":            {"podLabels: {team: 7}", []string{"/podLabels/team", "string"}},
		"an account that nobody names":   {"serviceAccount: {create: false}", []string{"serviceAccount.name is needed while serviceAccount.create is false"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tryRender(t, tc.values)
			if err == nil {
				t.Fatalf("helm accepted %q", tc.values)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message lacks %q: %v", want, err)
				}
			}
		})
	}
}

func TestParentChartsMayDependOnThis(t *testing.T) {
	render(t, "global: {registry: mirror.example.com}\nenabled: true")
}

// freeForm are values whose content belongs to Kubernetes.
var freeForm = []string{"resources", "affinity", "nodeSelector", "podAnnotations", "podLabels", "serviceAccount.annotations", "metrics.serviceMonitor.labels"}

func TestEveryValueIsDescribedAndInTheSchema(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(chartDir, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	inValues := map[string]bool{}
	walkValues(t, "", document.Content[0], inValues)

	inSchema := map[string]bool{}
	var schema schemaNode
	if raw, err = os.ReadFile(filepath.Join(chartDir, "values.schema.json")); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &schema); err != nil {
		t.Fatal(err)
	}
	walkSchema(t, "", schema, inSchema)
	delete(inSchema, "global")  // belongs to Helm
	delete(inSchema, "enabled") // belongs to a parent chart
	for path := range inValues {
		if !inSchema[path] {
			t.Errorf("%s is in values.yaml, but not in values.schema.json", path)
		}
	}
	for path := range inSchema {
		if !inValues[path] {
			t.Errorf("%s is in values.schema.json, but not in values.yaml", path)
		}
	}
	if len(inValues) < 40 {
		t.Errorf("only %d values were looked at", len(inValues))
	}
}

func walkValues(t *testing.T, prefix string, node *yaml.Node, seen map[string]bool) {
	t.Helper()
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		path := prefix + key.Value
		seen[path] = true
		if len(strings.TrimSpace(strings.TrimPrefix(key.HeadComment, "#"))) < 10 {
			t.Errorf("line %d of values.yaml: %s has no comment that says what it is", key.Line, path)
		}
		if value.Kind == yaml.MappingNode && !slices.Contains(freeForm, path) {
			walkValues(t, path+".", value, seen)
		}
	}
}

// A schemaNode is the part of a JSON schema that says which values exist.
type schemaNode struct {
	Properties           map[string]schemaNode `json:"properties"`
	AdditionalProperties json.RawMessage       `json:"additionalProperties"`
}

func walkSchema(t *testing.T, prefix string, node schemaNode, seen map[string]bool) {
	t.Helper()
	if len(node.Properties) > 0 && !slices.Contains(freeForm, strings.TrimSuffix(prefix, ".")) && string(node.AdditionalProperties) != "false" {
		t.Errorf("values.schema.json: %q takes misspelt values; say additionalProperties: false", prefix)
	}
	for name, below := range node.Properties {
		path := prefix + name
		seen[path] = true
		if !slices.Contains(freeForm, path) {
			walkSchema(t, path+".", below, seen)
		}
	}
}
