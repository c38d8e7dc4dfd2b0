// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/yaml"
)

// The parts of the policies in config/admission for which the chart has better values:
// who the operator is, and which namespaces belong to the cluster. A mark stands for each
// part until the policy is text, because YAML would quote a template action.
const (
	kustomizeOperator   = "request.userInfo.username.startsWith('system:serviceaccount:') && request.userInfo.username.endsWith(':queueworker-manager')"
	kustomizeNamespaces = "['kube-system', 'kube-public', 'kube-node-lease']"
	operatorMark        = "MARK_OPERATOR"
	namespacesMark      = "MARK_NAMESPACES"
)

var marks = strings.NewReplacer(
	operatorMark, `{{ printf "request.userInfo.username == 'system:serviceaccount:%s:%s'" .Release.Namespace (include "queueworker.serviceAccount" .) | quote }}`,
	namespacesMark, `{{ include "queueworker.clusterNamespaces" . | quote }}`,
)

// policiesTemplate turns the policies of config/admission into one file of named
// templates, each of which is the spec of a policy: queueworker-pods becomes
// "queueworker.policy.pods". It skips files of other kinds.
func policiesTemplate(files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "{{- /* %s The policies come from config/admission. */ -}}\n", generatedBy)
	for _, name := range sortedKeys(files) {
		var policy admissionregistrationv1.ValidatingAdmissionPolicy
		if err := yaml.Unmarshal(files[name], &policy); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if policy.Kind != "ValidatingAdmissionPolicy" {
			continue
		}
		if err := forChart(&policy.Spec); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		spec, err := yaml.Marshal(policy.Spec)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "{{- define \"queueworker.policy.%s\" -}}\n%s{{- end }}\n", strings.TrimPrefix(policy.Name, "queueworker-"), marks.Replace(string(spec)))
	}
	return out.Bytes(), nil
}

// forChart replaces the constants of the kustomize tree by marks for the chart's values.
func forChart(spec *admissionregistrationv1.ValidatingAdmissionPolicySpec) error {
	if len(spec.MatchConditions) != 1 || spec.MatchConditions[0].Expression != kustomizeOperator {
		return fmt.Errorf("its one match condition must be %q", kustomizeOperator)
	}
	spec.MatchConditions[0].Expression = operatorMark
	for i := range spec.Variables {
		if variable := &spec.Variables[i]; variable.Name == "clusterNamespaces" {
			if variable.Expression != kustomizeNamespaces {
				return fmt.Errorf("its variable clusterNamespaces must be %q", kustomizeNamespaces)
			}
			variable.Expression = namespacesMark
		}
	}
	return nil
}
