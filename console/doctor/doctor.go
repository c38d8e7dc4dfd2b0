// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package doctor finds what keeps queue workers from their work. It judges objects that
// were read before: the operator's conditions, whether the operator runs, and the rights
// of the operator and of the caller. Each finding has a cause and a cure, as codes with
// values, because each user interface has its own words. The package asks neither the
// cluster nor a clock.
package doctor

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// App is a QueueApp and the findings from its image.
type App struct {
	Namespace, Name string
	Conditions      []metav1.Condition
}

// Input holds everything that was read. An error replaces what could not be read.
type Input struct {
	Now time.Time
	// Namespace is where the objects are; empty means all namespaces.
	Namespace string
	// Selector selected the QueueWorkers by their labels; empty for all.
	Selector string
	// Kinds are QueueWorker's resources that the cluster serves.
	Kinds      []string
	KindsError error
	// Operators are the operators' Deployments in all namespaces. A Deployment counts
	// only if its service account has the right Proof.
	Operators []appsv1.Deployment
	// Unproven is the number of Deployments that have the operator's label but not its
	// rights, or whose rights were not checked.
	Unproven       int
	OperatorsError error
	// Mine are the caller's rights, Theirs the rights of the operators' service accounts.
	Mine        []Right
	Theirs      []Powers
	TheirsError error
	Apps        []App
	AppsError   error
	Workers     []v1alpha1.QueueWorker
}

// A Right is a verb on a resource, and whether an account has it.
type Right struct {
	Group, Resource, Subresource, Verb string
	// For names the use that needs the right.
	For Use
	// Needed is true if nothing works without the right.
	Needed bool
	// Allowed is the cluster's answer.
	Allowed bool
}

// Powers are the rights of an operator in one namespace.
type Powers struct {
	// Operator is the Deployment, as NAMESPACE/NAME.
	Operator string
	// Home and Account are the namespace and the name of the operator's service account.
	Home, Account string
	// Namespace is where the rights hold; empty means all namespaces.
	Namespace string
	Rights    []Right
}
