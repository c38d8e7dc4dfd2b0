// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// Code names a fact about the size of a pool. Each user interface has its own words for
// it.
type Code string

// How large a pool is now.
const (
	// NotLookedAt: the operator has not decided anything yet.
	NotLookedAt Code = "NotLookedAt"
	// SizeNow: the pool has Processes, of which Ready and Busy are; it should have Desired.
	SizeNow Code = "SizeNow"
	// EarlierSpec: the operator has not observed the last change of the spec yet.
	EarlierSpec Code = "EarlierSpec"
)

// Why a pool has its size.
const (
	StoppedWins Code = "StoppedWins"
	// BatchSize: a run has Processes.
	BatchSize Code = "BatchSize"
	NoRunYet  Code = "NoRunYet"
	// RunUnderWay: Run is under way.
	RunUnderWay Code = "RunUnderWay"
	// NextRun: the next run begins after In, by Schedule.
	NextRun        Code = "NextRun"
	NoRunScheduled Code = "NoRunScheduled"
	// Autoscaled: autoscaling chooses between Lowest and Highest, and no job should wait
	// longer than Target.
	Autoscaled Code = "Autoscaled"
	Undecided  Code = "Undecided"
	// Decided: autoscaling decided on Desired, for Reason and with the operator's Message.
	Decided Code = "Decided"
	// Numbers: the decision is based on Backlog, the age of the oldest job and Autoscaling.
	Numbers Code = "Numbers"
	// Limited: autoscaling is limited by Reason, a value of status.autoscaling.limitedBy.
	Limited Code = "Limited"
	// FixedSize: spec.processes is Processes.
	FixedSize Code = "FixedSize"
	// WholePods: a pod has PerPod processes.
	WholePods Code = "WholePods"
	// PausedPods: the pool is paused, for Reason.
	PausedPods Code = "PausedPods"
	// AppCap: the QueueApp App allows Processes over all its pools. The pool has Priority.
	AppCap Code = "AppCap"
)

// The size of a pool in one sentence.
const (
	SizeStopped Code = "SizeStopped"
	// SizeUndecided: autoscaling has not decided yet.
	SizeUndecided Code = "SizeUndecided"
	// SizeAutoscaled: autoscaling wants Desired, for the operator's Message.
	SizeAutoscaled Code = "SizeAutoscaled"
	// SizeRounded: spec.processes is Processes, and Desired is a number of whole pods.
	SizeRounded Code = "SizeRounded"
	// SizeFixed: spec.processes is Processes.
	SizeFixed Code = "SizeFixed"
)

// Fact is a code with the values that its words need. A value that a code does not need is
// empty.
type Fact struct {
	Code Code `json:"code"`
	// Worker is the name of the QueueWorker, App the name of a QueueApp, Run the name of a
	// run.
	Worker string `json:"worker,omitempty"`
	App    string `json:"app,omitempty"`
	Run    string `json:"run,omitempty"`
	// The sizes count processes.
	Processes int32 `json:"processes,omitempty"`
	Ready     int32 `json:"ready,omitempty"`
	Busy      int32 `json:"busy,omitempty"`
	Desired   int32 `json:"desired,omitempty"`
	PerPod    int32 `json:"perPod,omitempty"`
	Lowest    int32 `json:"lowest,omitempty"`
	Highest   int32 `json:"highest,omitempty"`
	Priority  int32 `json:"priority,omitempty"`
	// Target is how long a job may wait, In is how long until a run begins, Schedule is the
	// schedule of the runs.
	Target   time.Duration `json:"target,omitempty"`
	In       time.Duration `json:"in,omitempty"`
	Schedule string        `json:"schedule,omitempty"`
	// Reason and Message are the operator's.
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
	// Backlog is nil if it is unknown. OldestWaits is how long its oldest job has waited; 0
	// if that is unknown.
	Backlog     *v1alpha1.BacklogStatus     `json:"backlog,omitempty"`
	OldestWaits time.Duration               `json:"oldestWaits,omitempty"`
	Autoscaling *v1alpha1.AutoscalingStatus `json:"autoscaling,omitempty"`
}

// Explanation says why a pool has the number of processes that it has.
type Explanation struct {
	Now []Fact `json:"now"`
	Why []Fact `json:"why"`
	// InTheWay are the problems that keep the pool from its desired size.
	InTheWay []Problem `json:"inTheWay,omitempty"`
	// Decisions are the last decisions of autoscaling, the newest first.
	Decisions []v1alpha1.ScalingDecision `json:"decisions,omitempty"`
}

// Problem is a group of conditions that have one cause, with what to do about it.
type Problem struct {
	Conditions []metav1.Condition `json:"conditions"`
	Advice     Advice             `json:"advice,omitzero"`
}

// SizeFact says how many processes a pool should have, and why.
func SizeFact(pool *v1alpha1.QueueWorker) Fact {
	spec, auto := &pool.Spec, pool.Status.Autoscaling
	fact := Fact{Worker: pool.Name, Desired: pool.Status.Desired, Processes: effective.SpecProcesses(&pool.Spec), PerPod: spec.ProcessesPerPod}
	if spec.Autoscaling != nil {
		fact.Lowest, fact.Highest = effective.MinProcesses(spec.Autoscaling), spec.Autoscaling.MaxProcesses
	}
	switch {
	case spec.Stopped:
		fact.Code = SizeStopped
	case spec.Autoscaling != nil && auto == nil:
		fact.Code = SizeUndecided
	case spec.Autoscaling != nil:
		fact.Code, fact.Message = SizeAutoscaled, cmp.Or(auto.Message, auto.Reason)
	case spec.ProcessesPerPod > 1 && effective.SpecProcesses(&pool.Spec)%spec.ProcessesPerPod != 0:
		fact.Code = SizeRounded
	default:
		fact.Code = SizeFixed
	}
	return fact
}

// Explain says why a pool has the number of processes it has. app is nil if the QueueApp
// could not be read.
func Explain(now time.Time, pool *v1alpha1.QueueWorker, app *v1alpha1.QueueApp) Explanation {
	e := Explanation{Now: sizeNow(pool), Why: wanted(now, pool), InTheWay: inTheWay(pool)}
	if app != nil && app.Spec.MaxProcesses != nil {
		e.Why = append(e.Why, Fact{Code: AppCap, Worker: pool.Name, App: app.Name, Processes: *app.Spec.MaxProcesses, Priority: pool.Spec.Priority})
	}
	if auto := pool.Status.Autoscaling; auto != nil {
		e.Decisions = auto.Decisions
	}
	return e
}

func sizeNow(pool *v1alpha1.QueueWorker) []Fact {
	s := &pool.Status
	if s.ObservedGeneration == 0 {
		return []Fact{{Code: NotLookedAt, Worker: pool.Name}}
	}
	facts := []Fact{{Code: SizeNow, Worker: pool.Name, Processes: s.Processes, Ready: s.Ready, Busy: s.Busy, Desired: s.Desired}}
	if s.ObservedGeneration < pool.Generation {
		facts = append(facts, Fact{Code: EarlierSpec, Worker: pool.Name})
	}
	return facts
}

func wanted(now time.Time, pool *v1alpha1.QueueWorker) []Fact {
	spec := &pool.Spec
	var facts []Fact
	switch {
	case spec.Stopped:
		return []Fact{{Code: StoppedWins, Worker: pool.Name}}
	case effective.IsBatch(spec):
		return []Fact{{Code: BatchSize, Worker: pool.Name, Processes: effective.SpecProcesses(&pool.Spec)}, runs(now, pool)}
	case spec.Autoscaling != nil:
		facts = autoscaled(now, pool)
	default:
		facts = []Fact{{Code: FixedSize, Worker: pool.Name, Processes: effective.SpecProcesses(&pool.Spec)}}
	}
	if spec.ProcessesPerPod > 1 {
		facts = append(facts, Fact{Code: WholePods, Worker: pool.Name, PerPod: spec.ProcessesPerPod})
	}
	if pause := meta.FindStatusCondition(pool.Status.Conditions, v1alpha1.ConditionPaused); pause != nil && pause.Status == metav1.ConditionTrue {
		facts = append(facts, Fact{Code: PausedPods, Worker: pool.Name, Reason: pause.Reason})
	}
	return facts
}

// runs says which run of a Batch pool is under way, or when the next begins.
func runs(now time.Time, pool *v1alpha1.QueueWorker) Fact {
	fact := Fact{Code: NoRunScheduled, Worker: pool.Name}
	switch b := pool.Status.Batch; {
	case b == nil:
		fact.Code = NoRunYet
	case b.ActiveRun != "":
		fact.Code, fact.Run = RunUnderWay, b.ActiveRun
	case !b.NextScheduleTime.IsZero():
		fact.Code, fact.In, fact.Schedule = NextRun, b.NextScheduleTime.Sub(now), b.Schedule
	}
	return fact
}

func autoscaled(now time.Time, pool *v1alpha1.QueueWorker) []Fact {
	spec, auto := pool.Spec.Autoscaling, pool.Status.Autoscaling
	first := Fact{Code: Autoscaled, Worker: pool.Name, Lowest: effective.MinProcesses(spec), Highest: spec.MaxProcesses, Target: effective.TargetWait(spec)}
	if auto == nil {
		return []Fact{first, {Code: Undecided, Worker: pool.Name}}
	}
	numbers := Fact{Code: Numbers, Worker: pool.Name, Backlog: pool.Status.Backlog, Autoscaling: auto}
	if b := pool.Status.Backlog; b != nil && !b.OldestTime.IsZero() {
		numbers.OldestWaits = now.Sub(b.OldestTime.Time)
	}
	facts := []Fact{first, {Code: Decided, Worker: pool.Name, Desired: auto.Desired, Reason: auto.Reason, Message: auto.Message}}
	if numbers.Backlog != nil || cmp.Or(auto.ArrivalRate, auto.ServiceTime, auto.Utilisation, auto.TimeToClear) != "" {
		facts = append(facts, numbers)
	}
	if auto.LimitedBy != "" {
		facts = append(facts, Fact{Code: Limited, Worker: pool.Name, Reason: auto.LimitedBy})
	}
	return facts
}

// inTheWay lists the conditions that keep a pool from its desired size.
func inTheWay(pool *v1alpha1.QueueWorker) []Problem {
	var found []metav1.Condition
	for _, name := range []string{
		v1alpha1.ConditionStalled, v1alpha1.ConditionReconciling, v1alpha1.ConditionScalingActive, v1alpha1.ConditionScalingLimited,
		v1alpha1.ConditionBacklogKnown, v1alpha1.ConditionAgentsReporting, v1alpha1.ConditionConflict, v1alpha1.ConditionPaused,
		v1alpha1.ConditionWorkersFailing, v1alpha1.ConditionRunFailed,
	} {
		c := meta.FindStatusCondition(pool.Status.Conditions, name)
		if c != nil && hinders(pool, c) {
			found = append(found, *c)
		}
	}
	groups := oneCause(found)
	problems := make([]Problem, 0, len(groups))
	for _, group := range groups {
		problems = append(problems, Problem{Conditions: group, Advice: Advise(&group[0], pool.Name)})
	}
	return problems
}

// hinders reports whether a condition affects the pool's size.
func hinders(pool *v1alpha1.QueueWorker, c *metav1.Condition) bool {
	tone := ConditionTone(c)
	if tone != Bad && tone != Doubtful {
		return false
	}
	// Only autoscaling needs the backlog.
	return c.Type != v1alpha1.ConditionBacklogKnown || pool.Spec.Autoscaling != nil
}
