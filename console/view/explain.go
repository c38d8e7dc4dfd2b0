// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// SizeReason says in one sentence how many processes a pool should have, and why.
func SizeReason(pool *v1alpha1.QueueWorker) string {
	spec, s := &pool.Spec, &pool.Status
	switch auto := s.Autoscaling; {
	case spec.Stopped:
		return "no processes, because spec.stopped is true"
	case spec.Autoscaling != nil && auto == nil:
		return fmt.Sprintf("%d wanted; autoscaling between %d and %d has not decided yet", s.Desired, lowest(spec.Autoscaling), spec.Autoscaling.MaxProcesses)
	case spec.Autoscaling != nil:
		return fmt.Sprintf("%d wanted, of %d to %d: %s", s.Desired, lowest(spec.Autoscaling), spec.Autoscaling.MaxProcesses, Clean(cmp.Or(auto.Message, auto.Reason)))
	case spec.ProcessesPerPod > 1 && fixed(pool)%spec.ProcessesPerPod != 0:
		return fmt.Sprintf("%d wanted: spec.processes is %d, in pods of %d", s.Desired, fixed(pool), spec.ProcessesPerPod)
	}
	return fmt.Sprintf("%d wanted: spec.processes is %d", s.Desired, fixed(pool))
}

// fixed returns spec.processes or its default.
func fixed(pool *v1alpha1.QueueWorker) int32 {
	if pool.Spec.Processes == nil {
		return 1
	}
	return *pool.Spec.Processes
}

// lowest returns spec.autoscaling.minProcesses or its default.
func lowest(auto *v1alpha1.Autoscaling) int32 {
	if auto.MinProcesses == nil {
		return 1
	}
	return *auto.MinProcesses
}

// Explain says in sentences why a pool has the number of processes it has. app is nil if
// the QueueApp could not be read.
func Explain(s *Snapshot, pool *v1alpha1.QueueWorker, app *v1alpha1.QueueApp) string {
	e := &explanation{Snapshot: s, pool: pool, app: app}
	e.now()
	e.wanted()
	e.limits()
	e.shortOf()
	e.history()
	return e.text.String()
}

type explanation struct {
	*Snapshot
	pool *v1alpha1.QueueWorker
	app  *v1alpha1.QueueApp
	text strings.Builder
}

func (e *explanation) say(format string, arguments ...any) {
	e.text.WriteString(CleanText(fmt.Sprintf(format, arguments...)) + "\n")
}

func (e *explanation) now() {
	s := &e.pool.Status
	if s.ObservedGeneration == 0 {
		e.say("%s: the operator has not looked at it yet, so nothing has been decided.", e.pool.Name)
		return
	}
	e.say("%s has %s, of which %d ready and %d busy. It is to have %d.", e.pool.Name, processes(s.Processes), s.Ready, s.Busy, s.Desired)
	if s.ObservedGeneration < e.pool.Generation {
		e.say("This is of an earlier spec: the operator has not taken in the last change yet.")
	}
}

func processes(n int32) string {
	if n == 1 {
		return "1 process"
	}
	return number(n) + " processes"
}

func (e *explanation) wanted() {
	spec := &e.pool.Spec
	e.text.WriteString("\nWhy:\n")
	switch {
	case spec.Stopped:
		e.say("  spec.stopped is true, which wins over everything. The size before is remembered; this brings it back: kubectl queueworker start %s.", e.pool.Name)
		return
	case spec.Mode == v1alpha1.ModeBatch:
		e.batch()
		return
	case spec.Autoscaling != nil:
		e.autoscaling()
	default:
		e.say("  There is no spec.autoscaling, so spec.processes says it: %d.", fixed(e.pool))
	}
	if per := spec.ProcessesPerPod; per > 1 {
		e.say("  There are %d processes in each pod, so the number is one of whole pods.", per)
	}
	if pause := meta.FindStatusCondition(e.pool.Status.Conditions, v1alpha1.ConditionPaused); pause != nil && pause.Status == metav1.ConditionTrue {
		e.say("  It is paused (%s), so its pods stay and their processes have ended or end after their job. They come back with: kubectl queueworker resume %s.", pause.Reason, e.pool.Name)
	}
}

func (e *explanation) autoscaling() {
	spec, auto := e.pool.Spec.Autoscaling, e.pool.Status.Autoscaling
	target := "60s"
	if spec.TargetWait != nil {
		target = spec.TargetWait.Duration.String()
	}
	e.say("  Autoscaling chooses between %d and %d, so that no job waits longer than %s (spec.autoscaling; spec.processes is ignored).", lowest(spec), spec.MaxProcesses, target)
	if auto == nil {
		e.say("  It has not decided yet.")
		return
	}
	e.say("  It decided on %d (%s): %s", auto.Desired, auto.Reason, auto.Message)
	e.numbers(auto)
	if word, ok := limits[auto.LimitedBy]; ok {
		e.say("  Limited by %s: %s.", auto.LimitedBy, word)
	} else if auto.LimitedBy != "" {
		e.say("  Limited by %s.", auto.LimitedBy)
	}
}

// numbers lists the numbers that the decision is based on.
func (e *explanation) numbers(auto *v1alpha1.AutoscalingStatus) {
	var facts []string
	if b := e.pool.Status.Backlog; b != nil {
		facts = append(facts, fmt.Sprintf("%d jobs ready, %d delayed, %d being worked on", b.Ready, b.Delayed, b.Reserved))
		if !b.OldestTime.IsZero() {
			facts = append(facts, "the oldest has waited for "+since(b.OldestTime, e.Time))
		}
	}
	for _, fact := range []struct{ value, text string }{
		{auto.ArrivalRate, "%s jobs arrive a second"},
		{auto.ServiceTime, "one takes %s"},
		{auto.Utilisation, "what arrives would keep the pool %s busy"},
		{auto.TimeToClear, "what waits now is taken in %s at this size"},
	} {
		if fact.value != "" {
			facts = append(facts, fmt.Sprintf(fact.text, fact.value))
		}
	}
	if len(facts) > 0 {
		e.say("  The numbers: %s.", strings.Join(facts, "; "))
	}
}

// limits explains the values of status.autoscaling.limitedBy.
var limits = map[string]string{
	"Minimum":         "fewer would do, but spec.autoscaling.minProcesses asks for these",
	"Maximum":         "more would be needed, but spec.autoscaling.maxProcesses allows no more",
	"Jobs":            "more processes than there are jobs would be idle",
	"ScaleDownWindow": "fewer would do, but have not for as long as spec.autoscaling.scaleDown.window asks",
	"ScaleDownStep":   "fewer would do, and spec.autoscaling.scaleDown.step removes them little by little",
	"Cap":             "the QueueApp's maxProcesses is shared with its other pools",
}

func (e *explanation) limits() {
	if e.app != nil && e.app.Spec.MaxProcesses != nil {
		e.say("  The QueueApp %s allows %d processes over all its pools (spec.maxProcesses); this pool's priority is %d.", e.app.Name, *e.app.Spec.MaxProcesses, e.pool.Spec.Priority)
	}
}

// shortOf lists the conditions that keep the pool from its desired size.
func (e *explanation) shortOf() {
	var found []metav1.Condition
	for _, name := range []string{
		v1alpha1.ConditionStalled, v1alpha1.ConditionReconciling, v1alpha1.ConditionScalingActive, v1alpha1.ConditionScalingLimited,
		v1alpha1.ConditionBacklogKnown, v1alpha1.ConditionAgentsReporting, v1alpha1.ConditionConflict, v1alpha1.ConditionPaused,
		v1alpha1.ConditionWorkersFailing, v1alpha1.ConditionRunFailed,
	} {
		c := meta.FindStatusCondition(e.pool.Status.Conditions, name)
		if c != nil && e.hinders(c) {
			found = append(found, *c)
		}
	}
	if len(found) > 0 {
		e.text.WriteString("\nIn the way:\n")
	}
	for _, group := range oneCause(found) {
		c := &group[0]
		types := make([]string, 0, len(group))
		for i := range group {
			types = append(types, group[i].Type)
		}
		e.say("  %s (%s): %s", strings.Join(types, ", "), c.Reason, c.Message)
		if what := Advice(c, e.pool.Name); what != "" {
			e.say("    What to do: %s", what)
		}
	}
}

// hinders reports whether a condition affects the pool's size.
func (e *explanation) hinders(c *metav1.Condition) bool {
	tone := ConditionTone(c)
	if tone != Bad && tone != Doubtful {
		return false
	}
	// Only autoscaling needs the backlog.
	return c.Type != v1alpha1.ConditionBacklogKnown || e.pool.Spec.Autoscaling != nil
}

func (e *explanation) history() {
	auto := e.pool.Status.Autoscaling
	if auto == nil || len(auto.Decisions) == 0 {
		return
	}
	e.text.WriteString("\nLast decisions:\n")
	for i := range auto.Decisions {
		e.say("  %s", decision(&auto.Decisions[i], e.Snapshot))
	}
}
