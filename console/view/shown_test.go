// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// TestAdviceOfEachReason: a reason has its advice for a condition that reports a problem,
// and none for one that is good or unknown. Each reason has advice of its own.
func TestAdviceOfEachReason(t *testing.T) {
	given := make(map[AdviceCode]string)
	for reason, code := range byReason {
		bad := condition(v1alpha1.ConditionReady, metav1.ConditionFalse, reason, "")
		want := Advice{Code: code, Name: "emails"}
		if code == "" {
			want = Advice{}
		}
		if got := Advise(&bad, "emails"); got != want {
			t.Errorf("%s: %+v, want %+v", reason, got, want)
		}
		for _, status := range []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionUnknown} {
			other := condition(v1alpha1.ConditionReady, status, reason, "")
			if got := Advise(&other, "emails"); got != (Advice{}) {
				t.Errorf("%s, which is %s: %+v", reason, status, got)
			}
		}
		if before, twice := given[code]; twice {
			t.Errorf("%s and %s have the same advice, %s", before, reason, code)
		}
		given[code] = reason
	}
	for kind, code := range byType {
		for _, reason := range []string{v1alpha1.ReasonAboveThreshold, v1alpha1.ReasonPaused, "New"} {
			bad := condition(kind, metav1.ConditionTrue, reason, "")
			if got := Advise(&bad, "emails"); got.Code != code {
				t.Errorf("%s because of %s: %+v, want %s", kind, reason, got, code)
			}
		}
		given[code] = kind
	}
	if _, twice := given[SeeEvents]; twice {
		t.Error("a known reason has the advice for unknown reasons")
	}
}

// TestTonesOfConditions: which status of each condition of the API is a problem, and how
// bad it is.
func TestTonesOfConditions(t *testing.T) {
	const isTrue, isFalse = metav1.ConditionTrue, metav1.ConditionFalse
	tests := map[string]struct {
		amiss metav1.ConditionStatus
		tone  Tone
	}{
		v1alpha1.ConditionReady: {isFalse, Bad}, v1alpha1.ConditionReconciling: {isTrue, Doubtful}, v1alpha1.ConditionStalled: {isTrue, Bad},
		v1alpha1.ConditionPaused: {isTrue, Doubtful}, v1alpha1.ConditionAgentsReporting: {isFalse, Bad}, v1alpha1.ConditionGracefulStop: {isFalse, Bad},
		v1alpha1.ConditionBacklogKnown: {isFalse, Bad}, v1alpha1.ConditionTimeoutChain: {isFalse, Bad}, v1alpha1.ConditionScalingActive: {isFalse, Bad},
		v1alpha1.ConditionScalingLimited: {isTrue, Doubtful}, v1alpha1.ConditionWorkersStuck: {isTrue, Bad}, v1alpha1.ConditionMemoryHigh: {isTrue, Bad},
		v1alpha1.ConditionSlowJobs: {isTrue, Bad}, v1alpha1.ConditionFailuresHigh: {isTrue, Bad}, v1alpha1.ConditionWorkersFailing: {isTrue, Bad},
		v1alpha1.ConditionConflict: {isTrue, Bad}, v1alpha1.ConditionRunFailed: {isTrue, Bad}, v1alpha1.ConditionNotPermitted: {isTrue, Bad},
		v1alpha1.ConditionPreflightPassed: {isFalse, Bad}, v1alpha1.ConditionNetworkPolicyApplied: {isFalse, Bad},
		v1alpha1.ConditionComplete: {isFalse, Bad}, v1alpha1.ConditionFailed: {isTrue, Bad}, "Newer": {isFalse, Bad},
	}
	for kind, name := range constants(t, "Condition") {
		if _, judged := tests[kind]; !judged {
			t.Errorf("there is no row for the condition %s of %s", kind, name)
		}
	}
	for kind, tc := range tests {
		for status, want := range map[metav1.ConditionStatus]Tone{isTrue: Good, isFalse: Good, metav1.ConditionUnknown: Faint} {
			if status == tc.amiss {
				want = tc.tone
			}
			c := condition(kind, status, "Any", "")
			if got := ConditionTone(&c); got != want {
				t.Errorf("%s %s has the tone %d, want %d", kind, status, got, want)
			}
		}
	}
	old := condition(v1alpha1.ConditionNotPermitted, isTrue, v1alpha1.ReasonFromBefore, "")
	if got := ConditionTone(&old); got != Doubtful {
		t.Errorf("what is from before has the tone %d", got)
	}
}

func TestTonesOfStates(t *testing.T) {
	for state, want := range map[v1alpha1.State]Tone{
		v1alpha1.StateActive: Good, v1alpha1.StateIdle: Good, v1alpha1.StateFailing: Bad, v1alpha1.StatePaused: Doubtful,
		v1alpha1.StateStopped: Doubtful, v1alpha1.StateDraining: Doubtful, v1alpha1.StateStarting: Doubtful, "Newer": Plain,
	} {
		if got := StateTone(state); got != want {
			t.Errorf("%s has the tone %d, want %d", state, got, want)
		}
	}
	for state, want := range map[v1alpha1.WorkerState]Tone{
		v1alpha1.WorkerBusy: Good, v1alpha1.WorkerBackingOff: Bad, v1alpha1.WorkerRetiring: Doubtful, v1alpha1.WorkerPaused: Doubtful,
		v1alpha1.WorkerStopped: Doubtful, v1alpha1.WorkerStarting: Doubtful, v1alpha1.WorkerIdle: Plain, "Newer": Plain,
	} {
		if got := WorkerTone(state); got != want {
			t.Errorf("%s has the tone %d, want %d", state, got, want)
		}
	}
}

// someConditions draws conditions of different types.
func someConditions(t *rapid.T) []metav1.Condition {
	types := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
		v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionPaused, v1alpha1.ConditionNotPermitted,
		v1alpha1.ConditionBacklogKnown, v1alpha1.ConditionScalingLimited, v1alpha1.ConditionMemoryHigh, v1alpha1.ConditionAgentsReporting,
	}), 0, 9, rapid.ID).Draw(t, "types")
	var out []metav1.Condition
	for _, kind := range types {
		status := rapid.SampledFrom([]metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown}).Draw(t, "status")
		reason := rapid.SampledFrom([]string{v1alpha1.ReasonPaused, v1alpha1.ReasonAppNotFound, "New"}).Draw(t, "reason")
		out = append(out, condition(kind, status, reason, kind))
	}
	return out
}

// TestEachConditionIsShownOnce: as a problem or as good, problems by how bad they are, and
// together only what describes the pool for one reason.
func TestEachConditionIsShownOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		conditions := someConditions(t)
		before := append([]metav1.Condition(nil), conditions...)
		problems, well := Problems(conditions, "emails")
		if diff := cmp.Diff(before, conditions); diff != "" {
			t.Fatalf("the conditions themselves are changed:\n%s", diff)
		}
		shown := map[string]int{}
		for i := range well {
			shown[well[i].Type]++
			if ConditionTone(&well[i]) != Good {
				t.Fatalf("among the good is %+v", well[i])
			}
		}
		reasons := map[string]bool{}
		for i, problem := range problems {
			first := &problem.Conditions[0]
			if i > 0 && severity(first) > severity(&problems[i-1].Conditions[0]) {
				t.Fatalf("%s stands behind %s", first.Type, problems[i-1].Conditions[0].Type)
			}
			if ofThePool[first.Type] && reasons[first.Reason] {
				t.Fatalf("the reason %s is shown twice for the pool", first.Reason)
			}
			reasons[first.Reason] = reasons[first.Reason] || ofThePool[first.Type]
			for _, c := range problem.Conditions {
				shown[c.Type]++
				if ConditionTone(&c) == Good || len(problem.Conditions) > 1 && (!ofThePool[c.Type] || c.Reason != first.Reason) {
					t.Fatalf("%+v is in the group of %+v", c, first)
				}
			}
			if problem.Advice != Advise(first, "emails") {
				t.Fatalf("the advice is %+v", problem.Advice)
			}
		}
		for i := range conditions {
			if shown[conditions[i].Type] != 1 {
				t.Fatalf("%s is shown %d times", conditions[i].Type, shown[conditions[i].Type])
			}
		}
	})
}

// TestSizesHaveTheirValues: each sentence about a size has the numbers that it names.
func TestSizesHaveTheirValues(t *testing.T) {
	auto := &v1alpha1.Autoscaling{MinProcesses: new(int32(0)), MaxProcesses: 9}
	tests := map[string]struct {
		spec   v1alpha1.QueueWorkerSpec
		status v1alpha1.QueueWorkerStatus
		want   Fact
	}{
		"fixed":               {v1alpha1.QueueWorkerSpec{Processes: new(int32(4)), ProcessesPerPod: 2}, v1alpha1.QueueWorkerStatus{Desired: 4}, Fact{Code: SizeFixed, Processes: 4, Desired: 4, PerPod: 2}},
		"rounded":             {v1alpha1.QueueWorkerSpec{Processes: new(int32(5)), ProcessesPerPod: 2}, v1alpha1.QueueWorkerStatus{Desired: 6}, Fact{Code: SizeRounded, Processes: 5, Desired: 6, PerPod: 2}},
		"one a pod":           {v1alpha1.QueueWorkerSpec{Processes: new(int32(5)), ProcessesPerPod: 1}, v1alpha1.QueueWorkerStatus{Desired: 5}, Fact{Code: SizeFixed, Processes: 5, Desired: 5, PerPod: 1}},
		"none":                {v1alpha1.QueueWorkerSpec{Processes: new(int32(0)), ProcessesPerPod: 2}, v1alpha1.QueueWorkerStatus{}, Fact{Code: SizeFixed, PerPod: 2}},
		"undecided":           {v1alpha1.QueueWorkerSpec{Processes: new(int32(1)), Autoscaling: auto}, v1alpha1.QueueWorkerStatus{}, Fact{Code: SizeUndecided, Processes: 1, Highest: 9}},
		"decided":             {v1alpha1.QueueWorkerSpec{Processes: new(int32(1)), Autoscaling: auto}, v1alpha1.QueueWorkerStatus{Desired: 3, Autoscaling: &v1alpha1.AutoscalingStatus{Reason: "Demand", Message: "3 processes."}}, Fact{Code: SizeAutoscaled, Processes: 1, Desired: 3, Highest: 9, Message: "3 processes."}},
		"decided, no words":   {v1alpha1.QueueWorkerSpec{Processes: new(int32(1)), Autoscaling: auto}, v1alpha1.QueueWorkerStatus{Desired: 3, Autoscaling: &v1alpha1.AutoscalingStatus{Reason: "Demand"}}, Fact{Code: SizeAutoscaled, Processes: 1, Desired: 3, Highest: 9, Message: "Demand"}},
		"stopped comes first": {v1alpha1.QueueWorkerSpec{Processes: new(int32(1)), Stopped: true, Autoscaling: auto}, v1alpha1.QueueWorkerStatus{}, Fact{Code: SizeStopped, Processes: 1, Highest: 9}},
	}
	for name, tc := range tests {
		pool := &v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Name: "emails"}, Spec: tc.spec, Status: tc.status}
		tc.want.Worker = "emails"
		if diff := cmp.Diff(tc.want, SizeFact(pool)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestExplanationsFromPartialReads: what was not read or is not known is not explained, and
// no unknown value is a zero.
func TestExplanationsFromPartialReads(t *testing.T) {
	pool := poolOf("shop", "emails", -1)
	pool.Generation, pool.Spec.Processes = 2, new(int32(3))
	facts := func(app *v1alpha1.QueueApp) string {
		var out []string
		e := Explain(noon, &pool, app)
		for _, fact := range append(e.Now, e.Why...) {
			out = append(out, string(fact.Code))
		}
		return strings.Join(out, " ")
	}
	if got := facts(nil); got != "NotLookedAt FixedSize" {
		t.Errorf("before the first look: %s", got)
	}
	pool.Status.ObservedGeneration = 1
	if got := facts(&v1alpha1.QueueApp{}); got != "SizeNow EarlierSpec FixedSize" {
		t.Errorf("of an earlier spec, without a cap: %s", got)
	}
	pool.Status.ObservedGeneration = 2
	capped := &v1alpha1.QueueApp{ObjectMeta: metav1.ObjectMeta{Name: "app"}, Spec: v1alpha1.QueueAppSpec{MaxProcesses: new(int32(20))}}
	pool.Spec.Priority = -3
	if why := Explain(noon, &pool, capped).Why; why[1] != (Fact{Code: AppCap, Worker: "emails", App: "app", Processes: 20, Priority: -3}) {
		t.Errorf("the cap is %+v", why[1])
	}
	pool.Status.Conditions = []metav1.Condition{condition(v1alpha1.ConditionPaused, metav1.ConditionFalse, v1alpha1.ReasonPausing, "")}
	if got := facts(nil); got != "SizeNow FixedSize" {
		t.Errorf("while it is pausing: %s", got)
	}
	pool.Spec.Autoscaling = &v1alpha1.Autoscaling{MaxProcesses: 9}
	for change, want := range map[*v1alpha1.AutoscalingStatus]string{
		{}:                     "SizeNow Autoscaled Decided",
		{ArrivalRate: "0"}:     "SizeNow Autoscaled Decided Numbers",
		{TimeToClear: "never"}: "SizeNow Autoscaled Decided Numbers",
		{LimitedBy: "Minimum"}: "SizeNow Autoscaled Decided Limited",
		{ServiceTime: "0.92s"}: "SizeNow Autoscaled Decided Numbers",
		{Utilisation: "71%"}:   "SizeNow Autoscaled Decided Numbers",
	} {
		if pool.Status.Autoscaling = change; facts(nil) != want {
			t.Errorf("%+v: %s, want %s", change, facts(nil), want)
		}
	}
	pool.Status.Autoscaling, pool.Status.Backlog = &v1alpha1.AutoscalingStatus{Decisions: []v1alpha1.ScalingDecision{{To: 3}}}, &v1alpha1.BacklogStatus{Ready: 5}
	e := Explain(noon, &pool, nil)
	if numbers := e.Why[2]; numbers.Code != Numbers || numbers.OldestWaits != 0 || numbers.Backlog.Failed != nil || len(e.Decisions) != 1 {
		t.Errorf("without an age the numbers are %+v, the decisions %+v", numbers, e.Decisions)
	}
	pool.Status.Backlog.OldestTime = new(metav1.NewTime(noon.Add(-time.Minute)))
	if numbers := Explain(noon, &pool, nil).Why[2]; numbers.OldestWaits != time.Minute {
		t.Errorf("the oldest job waits %s", numbers.OldestWaits)
	}
}

// TestCleanTextOfPrograms: what is left of any text prints on one line, or on several, and
// has as many characters as before.
func TestCleanTextOfPrograms(t *testing.T) {
	if got := CleanText("a\tb\nc\x1b[2J\r\u202e"); got != "a\tb\nc\ufffd[2J \ufffd" {
		t.Errorf("CleanText leaves %q", got)
	}
	if got := Clean("a\tb\nc\u00a0d"); got != "a b c d" {
		t.Errorf("Clean leaves %q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		for name, clean := range map[string]func(string) string{"Clean": Clean, "CleanText": CleanText} {
			got := clean(text)
			if clean(got) != got || utf8.RuneCountInString(got) != utf8.RuneCountInString(text) {
				t.Fatalf("%s(%q) = %q", name, text, got)
			}
			for _, r := range got {
				if !unicode.IsPrint(r) && r != '\uFFFD' && (name == "Clean" || r != '\n' && r != '\t') {
					t.Fatalf("%s(%q) leaves %q", name, text, r)
				}
			}
		}
	})
}

// TestALogOfSeveralJobs: a line that reports another job is never kept. Of several
// processes only the job's own reports are kept. Of one process a job's lines are kept
// from its begin to the next report.
func TestALogOfSeveralJobs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		alone := rapid.Bool().Draw(t, "alone")
		finder := NewJobLog("B", alone)
		inside := false
		for range rapid.IntRange(0, 20).Draw(t, "lines") {
			id := rapid.SampledFrom([]string{"A", "B", "BB", ""}).Draw(t, "id")
			status := rapid.SampledFrom([]string{"Processing", "Processed", "Failed"}).Draw(t, "status")
			line, want := "output about B", inside
			if id != "" {
				line, want = "[2026-11-23 15:26:32]["+id+"] "+status+": App\\Jobs\\Send", id == "B"
				inside = alone && id == "B" && status == "Processing"
			}
			if got := finder.Keep(line); got != want {
				t.Fatalf("alone %t, %q is kept: %t", alone, line, got)
			}
		}
	})
}
