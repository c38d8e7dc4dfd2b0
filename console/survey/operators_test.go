// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/console/doctor"
	"queueworker.dev/queueworker/test/fakecluster"
)

// TestManyClaimsAskFewQuestions: 200 Deployments cause 50 questions. If none of the 50 is
// an operator, it is unknown whether there is an operator.
func TestManyClaimsAskFewQuestions(t *testing.T) {
	var claims []client.Object
	for i := range 200 {
		claims = append(claims, fakecluster.Claiming(fmt.Sprintf("tenant-%d", i), 1))
	}
	cluster, questions := fakecluster.Trusting(t, []string{}, claims...)
	operators, _, err := Operators(t.Context(), cluster.Client, doctor.Input{Namespace: "shop"})
	if len(operators) != 0 || err == nil || *questions != doctor.MaxClaims {
		t.Errorf("%d operators, %d questions, %v", len(operators), *questions, err)
	}
}

// TestManyClaimsAreReadInPages: 10,000 Deployments with the operator's label come in
// pages of 50. 50 are kept, among them the operator, which comes last.
func TestManyClaimsAreReadInPages(t *testing.T) {
	const all = 10_000
	largest := 0
	cluster := fakecluster.New(t, interceptor.Funcs{
		List: func(_ context.Context, _ client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			asked := (&client.ListOptions{}).ApplyOptions(options)
			start, _ := strconv.Atoi(asked.Continue) // 0 for the first page
			end := all
			if asked.Limit > 0 {
				end = min(start+int(asked.Limit), all)
			}
			largest = max(largest, end-start)
			page := list.(*appsv1.DeploymentList)
			for i := start; i < end; i++ {
				page.Items = append(page.Items, *fakecluster.Claiming("another-tenant", 1))
			}
			if end < all {
				page.Continue = strconv.Itoa(end)
			} else {
				page.Items[len(page.Items)-1] = *fakecluster.Claiming("queueworker-system", 1)
			}
			return nil
		},
	})
	labelled, count, err := labelledOperators(t.Context(), cluster.Client)
	found := slices.ContainsFunc(labelled, func(claim appsv1.Deployment) bool { return claim.Namespace == "queueworker-system" })
	if err != nil || count != all || largest > pageSize || cap(labelled) > 2*doctor.MaxClaims || !found {
		t.Errorf("%d of %d kept, capacity %d, the largest page has %d, operator found: %t, %v", len(labelled), count, cap(labelled), largest, found, err)
	}
}
