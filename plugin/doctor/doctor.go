// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package doctor finds what keeps queue workers from their work, from objects that were
// read before: what the operator says in conditions, whether it runs, what it and the
// caller may do. Each finding has a cause and a cure. It asks neither the cluster nor
// a clock.
package doctor

import (
	"cmp"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Level is how bad a finding is.
type Level string

const (
	// Wrong means that something does not work, or will hurt.
	Wrong Level = "Wrong"
	// Warning means that it is worth a look; it may be meant so.
	Warning Level = "Warning"
	// Unchecked means that nobody has looked, or the caller may not.
	Unchecked Level = "Unchecked"
	// Fine means that it was looked at, and is in order.
	Fine Level = "Fine"
)

// A Finding is one thing that was looked at.
type Finding struct {
	Level Level `json:"level"`
	// About is what it is about, such as QueueWorker emails.
	About string `json:"about"`
	// Check is what was looked at, such as TimeoutChain.
	Check string `json:"check"`
	// Cause is what was found.
	Cause string `json:"cause"`
	// Cure is what to do; empty where nothing needs to be done.
	Cure string `json:"cure,omitempty"`
}

// App is a QueueApp and what was found in its image.
type App struct {
	Namespace, Name string
	Conditions      []metav1.Condition
}

// Input is what was read. An error, as a sentence, stands for what could not be.
type Input struct {
	Now time.Time
	// Namespace is where the objects are; empty means all.
	Namespace string
	// Selector picked the QueueWorkers by their labels; empty for all.
	Selector string
	// Kinds are the resources of ours that the cluster serves.
	Kinds      []string
	KindsError string
	// Operators are the operator's Deployments, wherever they are.
	Operators      []appsv1.Deployment
	OperatorsError string
	// Mine are the caller's rights, Theirs those of the operators' service accounts.
	Mine        []Right
	Theirs      []Powers
	TheirsError string
	Apps        []App
	AppsError   string
	Workers     []v1alpha1.QueueWorker
}

// Examine returns all findings, the worst first, then by what they are about.
func Examine(in Input) []Finding {
	found := slices.Concat(kinds(in), operators(in), mine(in), theirs(in), apps(in), workers(in))
	order := []Level{Wrong, Warning, Unchecked, Fine}
	slices.SortStableFunc(found, func(a, b Finding) int {
		return cmp.Compare(slices.Index(order, a.Level), slices.Index(order, b.Level))
	})
	return found
}

// Count is how many findings are of a level.
func Count(findings []Finding, level Level) int {
	n := 0
	for _, finding := range findings {
		if finding.Level == level {
			n++
		}
	}
	return n
}
