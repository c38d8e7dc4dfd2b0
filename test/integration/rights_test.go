// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/test/controlplane"
)

// checkRights compares what the operators of all tests asked for with what the
// shipped role grants: nothing may have been forbidden, and nothing granted may
// have gone unused.
func checkRights(ctx context.Context) error {
	to, err := cluster.Audit.Mark(ctx, kube)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	var forbidden []string
	_, err = cluster.Audit.Between(0, to, func(r controlplane.Request) bool {
		if !strings.HasPrefix(r.User.Username, operatorPrefix) || r.ObjectRef.Resource == "" {
			return false
		}
		used[grant(r.ObjectRef.APIGroup, r.Resource(), r.Verb)] = true
		if r.ResponseStatus.Code == http.StatusForbidden && !terminatingNamespace(r) {
			forbidden = append(forbidden, r.String())
		}
		return false
	})
	if err != nil {
		return err
	}
	unused, err := unusedGrants(ctx, used)
	if err != nil {
		return err
	}
	var failures []error
	if len(forbidden) > 0 {
		failures = append(failures, fmt.Errorf("the operator was forbidden what it needs: %s", strings.Join(forbidden[:min(5, len(forbidden))], "; ")))
	}
	if len(unused) > 0 {
		failures = append(failures, fmt.Errorf("the operator's role grants what no test made it use: %s", strings.Join(unused, "; ")))
	}
	return errors.Join(failures...)
}

// terminatingNamespace tells whether a creation was forbidden because a test's
// namespace was on its way out.
func terminatingNamespace(r controlplane.Request) bool {
	return strings.Contains(r.ResponseStatus.Message, "because it is being terminated")
}

func grant(group, resource, verb string) string {
	return strings.TrimPrefix(group+"/", "/") + resource + " " + verb
}

func unusedGrants(ctx context.Context, used map[string]bool) ([]string, error) {
	role := &rbacv1.ClusterRole{}
	if err := api.Get(ctx, client.ObjectKey{Name: testRole}, role); err != nil {
		return nil, err
	}
	var unused []string
	for _, rule := range role.Rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					if g := grant(group, resource, verb); !used[g] && !neededOtherwise(verb) {
						unused = append(unused, g)
					}
				}
			}
		}
	}
	slices.Sort(unused)
	return unused, nil
}

// neededOtherwise tells whether a right is used without being seen under its own
// verb: to create by server-side apply is a patch that needs the right to create
// too, and apiservers that cannot stream lists are asked for them.
func neededOtherwise(verb string) bool { return verb == "create" || verb == "list" }
