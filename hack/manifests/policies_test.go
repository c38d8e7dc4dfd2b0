// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestPoliciesTakeTheChartsValues(t *testing.T) {
	policy := func(condition, namespaces string) map[string][]byte {
		return map[string][]byte{"a.yaml": []byte(`apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: queueworker-a}
spec:
  matchConditions:
  - name: operator
    expression: "` + condition + `"
  variables:
  - name: clusterNamespaces
    expression: "` + namespaces + `"
`), "kustomization.yaml": []byte("kind: Kustomization\n")}
	}
	out, err := policiesTemplate(policy(kustomizeOperator, kustomizeNamespaces))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`define "queueworker.policy.a"`, `(include "queueworker.serviceAccount" .) | quote }}`, `- expression: {{ include "queueworker.clusterNamespaces" . | quote }}`,
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	for name, files := range map[string]map[string][]byte{
		"a policy for everybody":       policy("true", kustomizeNamespaces),
		"namespaces of another policy": policy(kustomizeOperator, "['default']"),
	} {
		if out, err := policiesTemplate(files); err == nil {
			t.Errorf("%s: it was taken over:\n%s", name, out)
		}
	}
}
