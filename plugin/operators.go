// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/console/doctor"
)

// operatorsOf finds the operators' Deployments in all namespaces. A Deployment with the
// operator's label counts only if its service account has an operator's rights; unproven
// is the number of the others.
func operatorsOf(ctx context.Context, cluster *Cluster, in doctor.Input) (operators []appsv1.Deployment, unproven int, err error) {
	labelled, err := labelledOperators(ctx, cluster)
	if err != nil {
		return nil, 0, err
	}
	for _, claim := range doctor.Claims(in, labelled) {
		proven, err := may(ctx, cluster, claim.Home, claim.Account, attributes(doctor.Proof(), claim.Namespace))
		if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err) {
			continue // no Deployment may make the question about another one fail
		}
		if err != nil {
			return nil, len(labelled), fmt.Errorf("%d Deployment(s) claim to be the operator: %w", len(labelled), err)
		}
		if proven {
			operators = append(operators, *claim.Deployment)
		}
	}
	if len(operators) == 0 && len(labelled) > doctor.MaxClaims {
		return nil, len(labelled), fmt.Errorf("%d Deployments claim to be the operator, and none of the %d examined has its rights", len(labelled), doctor.MaxClaims)
	}
	return operators, len(labelled) - len(operators), nil
}

// labelledOperators lists the Deployments with the operator's label in all namespaces.
func labelledOperators(ctx context.Context, cluster *Cluster) ([]appsv1.Deployment, error) {
	found := &appsv1.DeploymentList{}
	if err := cluster.Client.List(ctx, found, client.MatchingLabels(doctor.OperatorLabels)); err != nil {
		return nil, fmt.Errorf("look for the operator: %w", err)
	}
	return found.Items, nil
}

// theirs asks which of the rights that the operators need their service accounts have.
func theirs(ctx context.Context, cluster *Cluster, in doctor.Input) ([]doctor.Powers, error) {
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

// may asks whether a service account has a right.
func may(ctx context.Context, cluster *Cluster, home, account string, right *authorizationv1.ResourceAttributes) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		ResourceAttributes: right,
		User:               "system:serviceaccount:" + home + ":" + account,
		Groups:             []string{"system:serviceaccounts", "system:serviceaccounts:" + home, "system:authenticated"},
	}}
	if err := cluster.Client.Create(ctx, review); err != nil {
		return false, fmt.Errorf("ask for the operator's rights: %w", err)
	}
	return review.Status.Allowed, nil
}
