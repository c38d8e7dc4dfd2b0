// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// MaxClaims is the maximum number of Deployments that are examined for whether they are
// an operator. So a user with many Deployments cannot keep a command busy.
const MaxClaims = 50

// Proof returns the right that proves that a service account belongs to an operator. The
// roles for users do not contain it, and a user cannot grant a right that the user does
// not have. A label alone proves nothing, because every user who may create Deployments
// may set it.
func Proof() Right {
	return Right{Group: v1alpha1.GroupName, Resource: "queueworkers", Subresource: "status", Verb: "patch", Needed: true}
}

// A Claim is a Deployment with the operator's label, and the right that would prove that
// it is an operator.
type Claim struct {
	Deployment *appsv1.Deployment
	// Home and Account are the namespace and the name of the Deployment's service
	// account.
	Home, Account string
	// Namespace is where the service account must have the right Proof; empty means all
	// namespaces.
	Namespace string
}

// Fair returns the Deployments to examine: all of them, or MaxClaims if there are more.
// Then the namespaces take turns, so that the Deployments in one namespace cannot hide
// the operator in another.
func Fair(labelled []appsv1.Deployment) []appsv1.Deployment {
	if len(labelled) <= MaxClaims {
		return labelled
	}
	taken := map[string]int{}
	turns := make([][]appsv1.Deployment, MaxClaims)
	for i := range labelled {
		turn := taken[labelled[i].Namespace]
		taken[labelled[i].Namespace]++
		if turn < MaxClaims {
			turns[turn] = append(turns[turn], labelled[i])
		}
	}
	return slices.Clone(slices.Concat(turns...)[:MaxClaims]) // a copy, so that the other Deployments are freed
}

// Claims returns the claims of Deployments with the operator's label. It uses Namespace
// and Workers of in.
func Claims(in Input, labelled []appsv1.Deployment) []Claim {
	claims := make([]Claim, 0, len(labelled))
	for i := range labelled {
		deployment := &labelled[i]
		claims = append(claims, Claim{
			Deployment: deployment, Home: deployment.Namespace, Account: account(deployment), Namespace: asked(in, deployment),
		})
	}
	return claims
}

// asked returns the namespace where a Deployment must have the right Proof. This is the
// namespace of the input if the Deployment works there. Otherwise it is a namespace where
// the Deployment works, because an operator for some namespaces has rights only there.
func asked(in Input, deployment *appsv1.Deployment) string {
	watched := watching(deployment)
	if len(watched) == 0 || slices.Contains(watched, in.Namespace) {
		return in.Namespace
	}
	for _, namespace := range inhabited(in) {
		if slices.Contains(watched, namespace) {
			return namespace
		}
	}
	return watched[0]
}
