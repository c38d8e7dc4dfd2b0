// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// rulesTemplate turns the roles of config/rbac into one file of named templates:
// config/rbac/leader_election_role.yaml becomes "queueworker.rules.leader-election". The
// chart decides whether they become a ClusterRole or a Role in each namespace, but only
// config/rbac says what they permit. It skips files of other kinds.
func rulesTemplate(files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "{{- /* %s The rules come from config/rbac. */ -}}\n", generatedBy)
	for _, name := range sortedKeys(files) {
		var role rbacv1.ClusterRole
		if err := yaml.Unmarshal(files[name], &role); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if role.Kind != "ClusterRole" && role.Kind != "Role" {
			continue
		}
		if len(role.Rules) == 0 {
			return nil, fmt.Errorf("the %s in %s has no rules", role.Kind, name)
		}
		rules, err := yaml.Marshal(role.Rules)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "{{- define \"queueworker.rules.%s\" -}}\n%s{{- end }}\n", templateName(name), rules)
	}
	return out.Bytes(), nil
}

// templateName returns the role's part of a template name: "manager" for role.yaml,
// "metrics-auth" for metrics_auth_role.yaml.
func templateName(file string) string {
	name := strings.TrimSuffix(file, ".yaml")
	if name == "role" {
		return "manager"
	}
	return strings.ReplaceAll(strings.TrimSuffix(name, "_role"), "_", "-")
}
