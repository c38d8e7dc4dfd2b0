// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/test/controlplane"
	"queueworker.dev/queueworker/test/lab"
)

const (
	operatorNamespace = "queueworker-system"
	operatorAccount   = "queueworker-manager"
	operatorUser      = "system:serviceaccount:" + operatorNamespace + ":" + operatorAccount
	// intruderAgent is the user agent of tests that write with the operator's token.
	intruderAgent = "queueworker-intruder"
)

// auditLog opens the audit log of the cluster's API server, which is beside the
// kubeconfig that hack/cluster writes.
func auditLog() *controlplane.Audit {
	return controlplane.OpenAudit(filepath.Join(filepath.Dir(os.Getenv("KUBECONFIG")), "audit.log"))
}

// notUsedHere lists the grants that this suite cannot make the operator use, with
// reasons.
var notUsedHere = map[string]string{
	"list":                              "an apiserver that cannot stream lists is asked for them",
	"coordination.k8s.io/leases create": "the operator made its Lease when it was installed, before the suite began",
	"events patch":                      "the leader says that it leads in an event of the old API, and patches it only if it is elected twice within minutes",
}

// checkRights compares what the installed operator has requested since a mark with the
// grants of its account.
func checkRights(from controlplane.Mark) error {
	to, err := auditLog().End()
	if err != nil {
		return err
	}
	usage, err := auditLog().Usage(from, to, func(r controlplane.Request) bool {
		return r.User.Username == operatorUser && r.UserAgent != intruderAgent
	})
	if err != nil {
		return err
	}
	rules, err := operatorRules()
	if err != nil {
		return err
	}
	return usage.Check(rules, notUsedHere)
}

// operatorRules returns the rules of every role that is bound to the operator's account.
func operatorRules() ([]rbacv1.PolicyRule, error) {
	_, c, err := lab.Connect()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var rules []rbacv1.PolicyRule
	clusterBindings, bindings := &rbacv1.ClusterRoleBindingList{}, &rbacv1.RoleBindingList{}
	if err := c.List(ctx, clusterBindings); err != nil {
		return nil, fmt.Errorf("list ClusterRoleBindings: %w", err)
	}
	if err := c.List(ctx, bindings); err != nil {
		return nil, fmt.Errorf("list RoleBindings: %w", err)
	}
	for _, binding := range clusterBindings.Items {
		if isOperators(binding.Subjects) {
			role := &rbacv1.ClusterRole{}
			if err := c.Get(ctx, client.ObjectKey{Name: binding.RoleRef.Name}, role); err != nil {
				return nil, fmt.Errorf("read a role of the operator: %w", err)
			}
			rules = append(rules, role.Rules...)
		}
	}
	for _, binding := range bindings.Items {
		if isOperators(binding.Subjects) {
			role := &rbacv1.Role{}
			if err := c.Get(ctx, client.ObjectKey{Namespace: binding.Namespace, Name: binding.RoleRef.Name}, role); err != nil {
				return nil, fmt.Errorf("read a role of the operator: %w", err)
			}
			rules = append(rules, role.Rules...)
		}
	}
	if len(rules) == 0 {
		return nil, fmt.Errorf("nothing is granted to %s", operatorUser)
	}
	return rules, nil
}

func isOperators(subjects []rbacv1.Subject) bool {
	for _, subject := range subjects {
		if subject.Kind == rbacv1.ServiceAccountKind && subject.Namespace == operatorNamespace && subject.Name == operatorAccount {
			return true
		}
	}
	return false
}
