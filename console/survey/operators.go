// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/console/doctor"
)

// Operators finds the operators' Deployments in all namespaces. A Deployment with the
// operator's label counts only if its service account has an operator's rights. unproven
// is the number of labelled Deployments that do not count.
func Operators(ctx context.Context, cluster client.Client, in doctor.Input) (operators []appsv1.Deployment, unproven int, err error) {
	labelled, count, err := labelledOperators(ctx, cluster)
	if err != nil {
		return nil, 0, err
	}
	for _, claim := range doctor.Claims(in, labelled) {
		proven, err := may(ctx, cluster, claim.Home, claim.Account, attributes(doctor.Proof(), claim.Namespace))
		if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err) {
			continue // one Deployment must not make the questions about others fail
		}
		if err != nil {
			return nil, count, fmt.Errorf("%d Deployment(s) claim to be the operator: %w", count, err)
		}
		if proven {
			operators = append(operators, *claim.Deployment)
		}
	}
	if len(operators) == 0 && count > doctor.MaxClaims {
		return nil, count, fmt.Errorf("%d Deployments claim to be the operator, and none of the %d examined has its rights", count, doctor.MaxClaims)
	}
	return operators, count - len(operators), nil
}

// pageSize is the maximum number of Deployments in the answer to one list request. A
// Deployment can have more than 1 MiB.
const pageSize = 50

// labelledOperators lists the Deployments with the operator's label in all namespaces. It
// keeps only the Deployments to examine, but count is the number of all.
func labelledOperators(ctx context.Context, cluster client.Client) (labelled []appsv1.Deployment, count int, err error) {
	for next := ""; ; {
		page := &appsv1.DeploymentList{}
		if err := cluster.List(ctx, page, client.MatchingLabels(doctor.OperatorLabels), client.Limit(pageSize), client.Continue(next)); err != nil {
			return nil, 0, fmt.Errorf("look for the operator: %w", err)
		}
		count += len(page.Items)
		labelled = doctor.Fair(append(labelled, page.Items...))
		if next = page.Continue; next == "" {
			return labelled, count, nil
		}
	}
}

// Powers asks the cluster which of the needed rights the operators' service accounts
// have.
func Powers(ctx context.Context, cluster client.Client, in doctor.Input) ([]doctor.Powers, error) {
	needed := doctor.Needed(in)
	for _, powers := range needed {
		for i := range powers.Rights {
			allowed, err := may(ctx, cluster, powers.Home, powers.Account, attributes(powers.Rights[i], powers.Namespace))
			if err != nil {
				return nil, err
			}
			powers.Rights[i].Allowed = allowed
		}
	}
	return needed, nil
}

// may asks the cluster whether a service account has a right.
func may(ctx context.Context, cluster client.Client, home, account string, right *authorizationv1.ResourceAttributes) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		ResourceAttributes: right,
		User:               "system:serviceaccount:" + home + ":" + account,
		Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + home, "system:authenticated"},
	}}
	if err := cluster.Create(ctx, review); err != nil {
		return false, fmt.Errorf("ask for the operator's rights: %w", err)
	}
	return review.Status.Allowed, nil
}

func attributes(right doctor.Right, namespace string) *authorizationv1.ResourceAttributes {
	return &authorizationv1.ResourceAttributes{
		Namespace: namespace, Group: right.Group, Resource: right.Resource, Subresource: right.Subresource, Verb: right.Verb,
	}
}
