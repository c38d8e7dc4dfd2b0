// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/test/shop"
)

func codesOf(facts []view.Fact) []view.Code {
	var out []view.Code
	for i := range facts {
		out = append(out, facts[i].Code)
	}
	return out
}

// TestExplain: the codes say why a pool has its size, in the order in which the reasons
// count.
func TestExplain(t *testing.T) {
	capped := shop.Snapshot().Apps[0]
	tests := map[string]struct {
		pool    *v1alpha1.QueueWorker
		change  func(*v1alpha1.QueueWorker)
		app     *v1alpha1.QueueApp
		wantNow []view.Code
		want    []view.Code
		size    view.Code
	}{
		"autoscaled": {
			pool: shop.Emails(), app: &capped, wantNow: []view.Code{view.SizeNow},
			want: []view.Code{view.Autoscaled, view.Decided, view.Numbers, view.Limited, view.AppCap}, size: view.SizeAutoscaled,
		},
		"autoscaled, without numbers": {
			pool: shop.Emails(), wantNow: []view.Code{view.SizeNow},
			change: func(pool *v1alpha1.QueueWorker) {
				pool.Status.Backlog, pool.Status.Autoscaling = nil, &v1alpha1.AutoscalingStatus{Desired: 1, Reason: "Demand"}
			},
			want: []view.Code{view.Autoscaled, view.Decided}, size: view.SizeAutoscaled,
		},
		"autoscaled, and not decided yet": {
			pool: shop.Emails(), wantNow: []view.Code{view.NotLookedAt},
			change: func(pool *v1alpha1.QueueWorker) { pool.Status = v1alpha1.QueueWorkerStatus{} },
			want:   []view.Code{view.Autoscaled, view.Undecided}, size: view.SizeUndecided,
		},
		"paused, in pods of two": {
			pool: shop.Reports(), wantNow: []view.Code{view.SizeNow, view.EarlierSpec},
			want: []view.Code{view.FixedSize, view.WholePods, view.PausedPods}, size: view.SizeFixed,
		},
		"not a multiple of its pods": {
			pool: shop.Reports(), wantNow: []view.Code{view.SizeNow, view.EarlierSpec},
			change: func(pool *v1alpha1.QueueWorker) { pool.Spec.Processes = new(int32(3)) },
			want:   []view.Code{view.FixedSize, view.WholePods, view.PausedPods}, size: view.SizeRounded,
		},
		"between runs": {
			pool: shop.Nightly(), app: &capped, wantNow: []view.Code{view.SizeNow},
			want: []view.Code{view.BatchSize, view.NextRun, view.AppCap}, size: view.SizeFixed,
		},
		"in a run": {
			pool: shop.Nightly(), wantNow: []view.Code{view.SizeNow},
			change: func(pool *v1alpha1.QueueWorker) { pool.Status.Batch.ActiveRun = "nightly-3" },
			want:   []view.Code{view.BatchSize, view.RunUnderWay}, size: view.SizeFixed,
		},
		"no run is scheduled": {
			pool: shop.Nightly(), wantNow: []view.Code{view.SizeNow},
			change: func(pool *v1alpha1.QueueWorker) { pool.Status.Batch.NextScheduleTime = nil },
			want:   []view.Code{view.BatchSize, view.NoRunScheduled}, size: view.SizeFixed,
		},
		"no run yet": {
			pool: shop.Nightly(), wantNow: []view.Code{view.SizeNow},
			change: func(pool *v1alpha1.QueueWorker) { pool.Status.Batch = nil },
			want:   []view.Code{view.BatchSize, view.NoRunYet}, size: view.SizeFixed,
		},
		"stopped": {
			pool: shop.Lost(), app: &capped, wantNow: []view.Code{view.SizeNow},
			want: []view.Code{view.StoppedWins, view.AppCap}, size: view.SizeStopped,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if tc.change != nil {
				tc.change(tc.pool)
			}
			got := view.Explain(shop.Now, tc.pool, tc.app)
			if diff := cmp.Diff(tc.wantNow, codesOf(got.Now)); diff != "" {
				t.Errorf("now (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.want, codesOf(got.Why)); diff != "" {
				t.Errorf("why (-want +got):\n%s", diff)
			}
			if size := view.SizeFact(tc.pool).Code; size != tc.size {
				t.Errorf("the size is explained by %s, want %s", size, tc.size)
			}
		})
	}
}

// TestFactsHaveTheirValues: an interface finds every number that a text names.
func TestFactsHaveTheirValues(t *testing.T) {
	why := view.Explain(shop.Now, shop.Emails(), nil).Why
	if got := why[0]; got.Lowest != 1 || got.Highest != 8 || got.Target != time.Minute {
		t.Errorf("the bounds are %+v", got)
	}
	if got := why[1]; got.Desired != 4 || got.Reason != "Demand" || got.Message == "" {
		t.Errorf("the decision is %+v", got)
	}
	if got := why[2]; got.Backlog.Ready != 18 || got.OldestWaits != 4*time.Second || got.Autoscaling.ArrivalRate != "1.9" {
		t.Errorf("the numbers are %+v", got)
	}
	runs := view.Explain(shop.Now, shop.Nightly(), nil).Why
	if got := runs[1]; got.In != 2*time.Hour || got.Schedule != "30 2 * * *" {
		t.Errorf("the next run is %+v", got)
	}
}

// TestOnlyWhatHindersIsInTheWay: conditions that do not affect the size are left out.
func TestOnlyWhatHindersIsInTheWay(t *testing.T) {
	pool := shop.Emails()
	pool.Status.Conditions = append(pool.Status.Conditions,
		shop.Condition(v1alpha1.ConditionBacklogKnown, metav1.ConditionFalse, "Denied", "The password is wrong."),
		shop.Condition(v1alpha1.ConditionMemoryHigh, metav1.ConditionTrue, v1alpha1.ReasonAboveThreshold, "Memory is short."))
	advice := func() []view.AdviceCode {
		var out []view.AdviceCode
		for _, problem := range view.Explain(shop.Now, pool, nil).InTheWay {
			out = append(out, problem.Advice.Code)
		}
		return out
	}
	if diff := cmp.Diff([]view.AdviceCode{view.RaiseMaximum, view.CorrectCredentials, view.AllowOperator}, advice()); diff != "" {
		t.Errorf("with autoscaling (-want +got):\n%s", diff)
	}
	pool.Spec.Autoscaling = nil // then the size does not need the backlog
	if diff := cmp.Diff([]view.AdviceCode{view.RaiseMaximum, view.AllowOperator}, advice()); diff != "" {
		t.Errorf("without autoscaling (-want +got):\n%s", diff)
	}
}

// TestProblemsComeFirst: the worst first, conditions with one cause together, and the good
// conditions apart.
func TestProblemsComeFirst(t *testing.T) {
	conditions := []metav1.Condition{
		shop.Condition(v1alpha1.ConditionTimeoutChain, metav1.ConditionTrue, v1alpha1.ReasonInOrder, ""),
		shop.Condition(v1alpha1.ConditionScalingLimited, metav1.ConditionTrue, v1alpha1.ReasonMaximum, ""),
		shop.Condition(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonAppNotFound, ""),
		shop.Condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonAppNotFound, ""),
		shop.Condition(v1alpha1.ConditionMemoryHigh, metav1.ConditionFalse, "BelowThreshold", ""),
	}
	problems, well := view.Problems(conditions, "emails")
	var got [][]string
	for _, problem := range problems {
		types := []string{string(problem.Advice.Code), problem.Advice.Name}
		for i := range problem.Conditions {
			types = append(types, problem.Conditions[i].Type)
		}
		got = append(got, types)
	}
	want := [][]string{
		{"CreateApp", "emails", v1alpha1.ConditionReady, v1alpha1.ConditionStalled},
		{"RaiseMaximum", "emails", v1alpha1.ConditionScalingLimited},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if len(well) != 2 || well[0].Type != v1alpha1.ConditionTimeoutChain || well[1].Type != v1alpha1.ConditionMemoryHigh {
		t.Errorf("the good conditions are %v", well)
	}
}
