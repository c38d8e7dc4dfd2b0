// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package doctor finds what keeps queue workers from their work. It judges objects that
// were read before: the operator's conditions, whether the operator runs, and the rights
// of the operator and of the caller. Each finding has a cause and a cure, as codes with
// values, because each user interface has its own words. The package asks neither the
// cluster nor a clock.
package doctor

import (
	"cmp"
	"slices"
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

// Examine returns all findings, the worst level first; within a level, related findings
// stay together.
func Examine(in Input) []Finding {
	found := slices.Concat(kinds(in), operators(in), mine(in), theirs(in), apps(in), workers(in))
	order := []Level{Wrong, Warning, Unchecked, Fine}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Compare(slices.Index(order, a.Level), slices.Index(order, b.Level))
	})
	return found
}

// Count returns how many findings have a level.
func Count(findings []Finding, level Level) int {
	n := 0
	for _, finding := range findings {
		if finding.Level == level {
			n++
		}
	}
	return n
}
