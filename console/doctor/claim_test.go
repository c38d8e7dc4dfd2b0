// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

// TestClaimsAreAskedWhereTheyWork: an operator for some namespaces has no rights
// elsewhere, so its right must be checked in one of its namespaces.
func TestClaimsAreAskedWhereTheyWork(t *testing.T) {
	for name, tc := range map[string]struct {
		namespace string
		operator  appsv1.Deployment
		want      string
	}{
		"all namespaces, one looked at":        {"shop", deployment("a", 1), "shop"},
		"all namespaces, all looked at":        {"", deployment("a", 1), ""},
		"some namespaces, one of them":         {"shop", watches(deployment("a", 1), "--watch-namespaces=blog,shop"), "shop"},
		"some namespaces, another looked at":   {"shop", watches(deployment("a", 1), "--watch-namespaces=news,blog"), "news"},
		"some namespaces, all looked at":       {"", watches(deployment("a", 1), "--watch-namespaces=news,blog"), "blog"},
		"an argument that names no namespaces": {"shop", watches(deployment("a", 1), "--watch-namespaces=,"), "shop"},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{Namespace: tc.namespace, Workers: []v1alpha1.QueueWorker{*builders.QueueWorker("blog", "emails").Obj()}}
			claims := Claims(in, []appsv1.Deployment{tc.operator})
			if len(claims) != 1 || claims[0].Namespace != tc.want || claims[0].Home != "a" || claims[0].Account != "default" {
				t.Errorf("claims are %+v, want the namespace %q", claims, tc.want)
			}
		})
	}
}

// TestManyClaimsDoNotHideTheOperator: a user creates 1,000 Deployments with the
// operator's label. 50 Deployments are examined, and the operator is one of them.
func TestManyClaimsDoNotHideTheOperator(t *testing.T) {
	var labelled []appsv1.Deployment
	for i := range 1000 {
		fake := deployment("another-tenant", 1)
		fake.Name = fmt.Sprintf("operator-%d", i)
		labelled = append(labelled, fake)
	}
	labelled = append(labelled, deployment("queueworker-system", 1))
	fair := Fair(labelled)
	if len(fair) != MaxClaims || !slices.ContainsFunc(fair, func(claim appsv1.Deployment) bool { return claim.Namespace == "queueworker-system" }) {
		t.Errorf("%d claims are examined, want %d, with the operator's", len(fair), MaxClaims)
	}
}

// TestNoRoleOfAUserProvesAnOperator: no role that is aggregated to view, edit or admin has
// the right that proves an operator.
func TestNoRoleOfAUserProvesAnOperator(t *testing.T) {
	files, err := filepath.Glob("../../config/rbac/queueworker_*_role.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("roles are %v, %v", files, err)
	}
	proof := Proof()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		role := &rbacv1.ClusterRole{}
		if err := yaml.Unmarshal(text, role); err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			has := func(list []string, what string) bool {
				return slices.Contains(list, what) || slices.Contains(list, "*")
			}
			if has(rule.APIGroups, proof.Group) && has(rule.Resources, proof.Resource+"/"+proof.Subresource) && has(rule.Verbs, proof.Verb) {
				t.Errorf("%s gives %s", file, proof)
			}
		}
	}
}
