// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package doctor finds what keeps queue workers from their work. It judges objects that
// were read before: the operator's conditions, whether the operator runs, and the rights
// of the operator and of the caller. Each finding has a cause and a cure. The package
// asks neither the cluster nor a clock.
package doctor

import (
	"cmp"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Level says how bad a finding is.
type Level string

const (
	// Wrong means that something does not work, or will do harm.
	Wrong Level = "Wrong"
	// Warning means that a look is worthwhile; the state may be intended.
	Warning Level = "Warning"
	// Unchecked means that there is no result yet, or that the caller may not look.
	Unchecked Level = "Unchecked"
	// Fine means that a check was made and found no problem.
	Fine Level = "Fine"
)

// A Finding is the result of one check.
type Finding struct {
	Level Level `json:"level"`
	// About is the object, such as QueueWorker emails.
	About string `json:"about"`
	// Check names the check, such as TimeoutChain.
	Check string `json:"check"`
	// Cause is what was found.
	Cause string `json:"cause"`
	// Cure is what to do; empty if nothing needs to be done.
	Cure string `json:"cure,omitempty"`
}

// App is a QueueApp and the findings from its image.
type App struct {
	Namespace, Name string
	Conditions      []metav1.Condition
}

// Input holds everything that was read. An error, as a sentence, replaces what could not
// be read.
type Input struct {
	Now time.Time
	// Namespace is where the objects are; empty means all namespaces.
	Namespace string
	// Selector selected the QueueWorkers by their labels; empty for all.
	Selector string
	// Kinds are QueueWorker's resources that the cluster serves.
	Kinds      []string
	KindsError string
	// Operators are the operators' Deployments in all namespaces. A Deployment counts
	// only if its service account has the right Proof.
	Operators []appsv1.Deployment
	// Unproven is the number of Deployments that have the operator's label but not its
	// rights, or whose rights were not checked.
	Unproven       int
	OperatorsError string
	// Mine are the caller's rights, Theirs the rights of the operators' service accounts.
	Mine        []Right
	Theirs      []Powers
	TheirsError string
	Apps        []App
	AppsError   string
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
