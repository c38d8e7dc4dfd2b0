// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package laws has the laws to compare: the product's own function, and the formulas that
// other projects publish, with their default constants. They model the formulas, not the
// products.
package laws

import (
	"math"

	"queueworker.dev/queueworker/hack/scalesim/model"
	"queueworker.dev/queueworker/hack/scalesim/trace"
)

// A Candidate is a law and the way its pods are removed.
type Candidate struct {
	// Name is the law's name in the table.
	Name string
	// InFlight marks KEDA's formula that counts jobs in flight, with which the product's
	// worker-hours are compared. Tuned marks a law tuned by hand for the service time at
	// the beginning.
	InFlight, Tuned bool
	Removal         model.Removal
	// New returns the law for a scenario.
	New func(trace.Scenario) model.Law
}

// Own is the name of the product's law.
const Own = "QueueWorker"

// shortGrace is Kubernetes' default grace period, in seconds.
const shortGrace = 30

// perWorker is KEDA's default target for the length of a Redis list.
const perWorker = 5

// longGrace is a grace period longer than any job, in seconds.
const longGrace = 21 * 60

// Candidates returns the laws, the product's own first.
func Candidates() []Candidate {
	blind := model.Removal{Grace: shortGrace}
	patient := model.Removal{Grace: longGrace}
	return []Candidate{
		{Name: Own, Removal: model.Removal{Drain: true}, New: func(s trace.Scenario) model.Law { return newQueueWorker(s) }},
		{Name: "KEDA, LLEN", Removal: blind, New: kedaOf(waiting, usual)},
		{Name: "KEDA, LLEN + in flight", InFlight: true, Removal: blind, New: kedaOf(inside, usual)},
		{Name: "KEDA, LLEN + in flight, grace 21 min", InFlight: true, Removal: patient, New: kedaOf(inside, usual)},
		{Name: "KEDA, LLEN, tuned", Tuned: true, Removal: blind, New: kedaOf(waiting, tuned)},
		{Name: "KEDA, LLEN + in flight, tuned", InFlight: true, Tuned: true, Removal: blind, New: kedaOf(inside, tuned)},
		{Name: "KEDA, LLEN + in flight, tuned, grace 21 min", InFlight: true, Tuned: true, Removal: patient, New: kedaOf(inside, tuned)},
		{Name: "practo, tuned", Tuned: true, Removal: blind, New: func(s trace.Scenario) model.Law {
			return &practo{bounds: bounds{s.Min, s.Max}, target: tuned(s), told: s.Told}
		}},
		{Name: "HPA, external Value, tuned", Tuned: true, Removal: blind, New: func(s trace.Scenario) model.Law {
			return &hpa{bounds: bounds{max(1, s.Min), s.Max}, desired: value(tuned(s)), metric: waiting}
		}},
	}
}

func kedaOf(metric func(model.Observation) float64, target func(trace.Scenario) float64) func(trace.Scenario) model.Law {
	return func(s trace.Scenario) model.Law {
		return &keda{
			hpa:    hpa{bounds: bounds{max(1, s.Min), s.Max}, desired: averageValue(target(s)), metric: metric},
			toZero: s.Min == 0,
		}
	}
}

func waiting(o model.Observation) float64 { return float64(o.Ready) }

func inside(o model.Observation) float64 { return float64(o.Ready + o.Reserved) }

func usual(trace.Scenario) float64 { return perWorker }

// tuned returns the setting of a user who knows the service time at the beginning: the
// number of jobs that a worker finishes within 0.8 of the target wait.
func tuned(s trace.Scenario) float64 {
	return max(1, math.Floor(0.8*s.Target/s.Told))
}
