// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/alerts"
)

var highFailures = alerts.Alert{Type: v1alpha1.ConditionFailuresHigh, Reason: v1alpha1.ReasonAboveThreshold, Message: "12 of 13 jobs failed."}

// reasonsOf returns the reasons of the events of a change, in one string.
func reasonsOf(in Input, after *v1alpha1.QueueWorkerStatus) string {
	var words []string
	for _, event := range Changes(in, after) {
		words = append(words, event.Type+"/"+event.Reason)
	}
	return strings.Join(words, " ")
}

func TestAnAlertIsAConditionAndAnEventWhileItLasts(t *testing.T) {
	in := pool(1)
	in.Worker.Status = Compute(in).Status
	in.Alerts = []alerts.Alert{highFailures}
	out := Compute(in)
	condition := meta.FindStatusCondition(out.Status.Conditions, v1alpha1.ConditionFailuresHigh)
	if condition == nil || condition.Status != metav1.ConditionTrue || condition.Message != highFailures.Message {
		t.Fatalf("the condition is %+v", condition)
	}
	if got, want := reasonsOf(in, &out.Status), "Warning/FailuresHigh"; got != want {
		t.Errorf("the events are %q, want %q", got, want)
	}
	if write, _ := Due(&in.Worker.Status, &out.Status, noon, Writes{Any: noon, OfJobs: noon}); !write {
		t.Error("it is not written at once")
	}
	in.Worker.Status = out.Status
	if write, wait := Due(&out.Status, new(Compute(in).Status), noon.Add(time.Hour), Writes{}); write || wait != 0 {
		t.Error("it is written again")
	}
	in.Alerts = nil
	out = Compute(in)
	if meta.FindStatusCondition(out.Status.Conditions, v1alpha1.ConditionFailuresHigh) != nil {
		t.Error("it stays")
	}
	if got, want := reasonsOf(in, &out.Status), "Normal/Recovered"; got != want {
		t.Errorf("the events are %q, want %q", got, want)
	}
}

// The pause is written first, and is in force only then.
func TestAPauseByFailingIsToldWhenItIsInForce(t *testing.T) {
	in := pool(1)
	in.Worker.Spec.OnFailing = v1alpha1.OnFailingPause
	in.Worker.Annotations = map[string]string{v1alpha1.AnnotationResumedAt: "before"}
	in.Worker.Status = Compute(in).Status
	in.OnFailing = &v1alpha1.FailurePause{Paused: true, Cause: "12 of 13 jobs failed.", ResumedAt: "before"}
	out := Compute(in)
	if got, want := reasonsOf(in, &out.Status), "Warning/PausedByFailing"; got != want {
		t.Errorf("the events are %q, want %q", got, want)
	}
	if meta.IsStatusConditionTrue(out.Status.Conditions, v1alpha1.ConditionPaused) {
		t.Error("paused before it was written")
	}

	in.Worker.Status = out.Status
	in.Pods[0].Report.Phase, in.Pods[0].Report.Workers[0].State = protocol.PhasePaused, protocol.WorkerPaused
	out = Compute(in)
	paused := meta.FindStatusCondition(out.Status.Conditions, v1alpha1.ConditionPaused)
	if paused.Status != metav1.ConditionTrue || paused.Reason != v1alpha1.ReasonPausedByFailing || !strings.Contains(paused.Message, "12 of 13 jobs failed.") {
		t.Errorf("the condition is %+v", paused)
	}
	if out.Status.State != v1alpha1.StatePaused || meta.IsStatusConditionTrue(out.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("the state is %s, the conditions are %+v", out.Status.State, out.Status.Conditions)
	}
	if got := reasonsOf(in, &out.Status); got != "" {
		t.Errorf("the pause is told again: %s", got)
	}

	in.Worker.Status = out.Status
	in.Worker.Annotations[v1alpha1.AnnotationResumedAt] = "now"
	out = Compute(in)
	if resumed := meta.FindStatusCondition(out.Status.Conditions, v1alpha1.ConditionPaused); resumed.Reason != v1alpha1.ReasonNotPaused {
		t.Errorf("with another token it is %+v", resumed)
	}
}
