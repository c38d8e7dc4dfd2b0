// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Tone says how good or bad the meaning of a word is. An interface may show it as a colour.
type Tone int

// The tones.
const (
	Plain Tone = iota
	Good
	Doubtful
	Bad
	Faint
	Strong
)

// StateTone returns the tone of a pool's state.
func StateTone(state v1alpha1.State) Tone {
	switch state {
	case v1alpha1.StateActive, v1alpha1.StateIdle:
		return Good
	case v1alpha1.StateFailing:
		return Bad
	case v1alpha1.StatePaused, v1alpha1.StateStopped, v1alpha1.StateDraining, v1alpha1.StateStarting:
		return Doubtful
	default:
		return Plain
	}
}

// WorkerTone returns the tone of a worker's state.
func WorkerTone(state v1alpha1.WorkerState) Tone {
	switch state {
	case v1alpha1.WorkerBusy:
		return Good
	case v1alpha1.WorkerBackingOff:
		return Bad
	case v1alpha1.WorkerRetiring, v1alpha1.WorkerPaused, v1alpha1.WorkerStopped, v1alpha1.WorkerStarting:
		return Doubtful
	case v1alpha1.WorkerIdle:
		return Plain
	default:
		return Plain
	}
}

// troubles lists the conditions that report a problem while they are true; the other
// conditions do so while they are false.
var troubles = map[string]bool{
	v1alpha1.ConditionReconciling:    true,
	v1alpha1.ConditionStalled:        true,
	v1alpha1.ConditionPaused:         true,
	v1alpha1.ConditionScalingLimited: true,
	v1alpha1.ConditionWorkersStuck:   true,
	v1alpha1.ConditionConflict:       true,
	v1alpha1.ConditionNotPermitted:   true,
	v1alpha1.ConditionMemoryHigh:     true,
	v1alpha1.ConditionSlowJobs:       true,
	v1alpha1.ConditionFailuresHigh:   true,
	v1alpha1.ConditionWorkersFailing: true,
	v1alpha1.ConditionRunFailed:      true,
	v1alpha1.ConditionFailed:         true,
}

// ofThePool lists the conditions that describe a pool as a whole. If several of them
// report a problem with the same reason, they say the same thing in almost the same
// words.
var ofThePool = map[string]bool{
	v1alpha1.ConditionReady:        true,
	v1alpha1.ConditionReconciling:  true,
	v1alpha1.ConditionStalled:      true,
	v1alpha1.ConditionPaused:       true,
	v1alpha1.ConditionNotPermitted: true,
}

// oneCause groups the conditions of a pool that are not good for the same reason, so that
// they are shown once. Every other condition is its own group. A group stands where its
// first condition stood.
func oneCause(conditions []metav1.Condition) [][]metav1.Condition {
	out := make([][]metav1.Condition, 0, len(conditions))
	groups := map[string]int{}
	for i := range conditions {
		c := conditions[i]
		if ofThePool[c.Type] && ConditionTone(&c) != Good {
			if at, found := groups[c.Reason]; found {
				out[at] = append(out[at], c)
				continue
			}
			groups[c.Reason] = len(out)
		}
		out = append(out, []metav1.Condition{c})
	}
	return out
}

// Problems returns the conditions that are not good with what to do about them, the worst
// first, and the good conditions. name is the name of the object that has the conditions.
func Problems(conditions []metav1.Condition, name string) (problems []Problem, well []metav1.Condition) {
	sorted := slices.Clone(conditions)
	slices.SortStableFunc(sorted, func(a, b metav1.Condition) int { return severity(&b) - severity(&a) })
	for _, group := range oneCause(sorted) {
		if ConditionTone(&group[0]) == Good {
			well = append(well, group...)
			continue
		}
		problems = append(problems, Problem{Conditions: group, Advice: Advise(&group[0], name)})
	}
	return problems, well
}

// severity sorts conditions: problems come first.
func severity(c *metav1.Condition) int {
	switch ConditionTone(c) {
	case Bad:
		return 2
	case Doubtful:
		return 1
	default:
		return 0
	}
}

// ConditionTone returns the tone of a condition.
func ConditionTone(c *metav1.Condition) Tone {
	amiss := metav1.ConditionFalse
	if troubles[c.Type] {
		amiss = metav1.ConditionTrue
	}
	switch {
	case c.Status == metav1.ConditionUnknown:
		return Faint
	case c.Status != amiss:
		return Good
	case c.Reason == v1alpha1.ReasonFromBefore, c.Type == v1alpha1.ConditionReconciling, c.Type == v1alpha1.ConditionPaused, c.Type == v1alpha1.ConditionScalingLimited:
		return Doubtful
	}
	return Bad
}
