// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/test/controlplane"
)

// checkRights compares the requests of all tests' operators with the grants of the
// shipped role: no request may have been forbidden, and no grant may have been unused.
func checkRights(ctx context.Context) error {
	to, err := cluster.Audit.Mark(ctx, kube)
	if err != nil {
		return err
	}
	usage, err := cluster.Audit.Usage(0, to, func(r controlplane.Request) bool { return strings.HasPrefix(r.User.Username, operatorPrefix) })
	if err != nil {
		return err
	}
	role := &rbacv1.ClusterRole{}
	if err := api.Get(ctx, client.ObjectKey{Name: testRole}, role); err != nil {
		return err
	}
	return usage.Check(role.Rules, map[string]string{"list": "apiservers that cannot stream lists are asked for them"})
}
