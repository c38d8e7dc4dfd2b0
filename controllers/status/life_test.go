// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/alerts"
	"queueworker.dev/queueworker/controllers/drain"
	"queueworker.dev/queueworker/controllers/scaling"
)

// situations are pools as they are met. A sequence of them is the life of one pool.
var situations = map[string]func() Input{
	"as wanted":   func() Input { return pool(2) },
	"of no size":  func() Input { return pool(0) },
	"autoscaled":  func() Input { return scaled(2, scaling.ReasonDemand) },
	"backlog":     func() Input { return scaled(2, scaling.ReasonBacklogUnknown) },
	"capped":      func() Input { return limited(scaled(2, scaling.ReasonDemand)) },
	"in a run":    running,
	"complete":    func() Input { return rested(v1alpha1.RunComplete) },
	"run failed":  func() Input { return rested(v1alpha1.RunFailed) },
	"run stopped": func() Input { return rested(v1alpha1.RunStopped) },
}

// mishaps are what may happen to any pool.
var mishaps = map[string]func(*Input){
	"nothing": func(*Input) {},
	"no app": func(in *Input) {
		in.AppName, in.Problem = "", &effective.Problem{Reason: v1alpha1.ReasonAppNotFound, Message: "There is none."}
	},
	"invalid app": func(in *Input) {
		in.Problem = &effective.Problem{Reason: v1alpha1.ReasonAppInvalid, Message: "Remove args."}
	},
	"conflict":       func(in *Input) { in.Conflict = "It is theirs." },
	"foreign scaler": func(in *Input) { in.Foreign = "hpa" },
	"rejected":       func(in *Input) { in.Rejected = "exceeded quota" },
	"not permitted": func(in *Input) {
		in.NotPermitted = &effective.Problem{Reason: v1alpha1.ReasonNotPermitted, Message: "Remove it."}
	},
	"from before": func(in *Input) {
		in.NotPermitted = &effective.Problem{Reason: v1alpha1.ReasonFromBefore, Message: "Move it."}
	},
	"stuck":     func(in *Input) { in.Stuck = []string{"emails-0"} },
	"two stuck": func(in *Input) { in.Stuck = []string{"emails-1", "emails-0"} },
	"alert":     func(in *Input) { in.Alerts = []alerts.Alert{highFailures} },
	"other alert": func(in *Input) {
		in.Alerts = []alerts.Alert{{Type: v1alpha1.ConditionWorkersFailing, Reason: v1alpha1.ReasonCrashes, Message: "3 crashes."}}
	},
	"paused":       func(in *Input) { in.Worker.Spec.Paused = true },
	"paused until": func(in *Input) { in.Worker.Spec.PausedUntil = new(metav1.NewTime(in.Now.Add(time.Hour))) },
	"stopped":      func(in *Input) { in.Worker.Spec.Stopped, in.Processes, in.Pods = true, 0, nil },
	"shrinking":    func(in *Input) { in.Removal = drain.Plan{Reason: drain.Draining, Message: "Waiting for 1 pod."} },
	"no image": func(in *Input) {
		for i := range in.Pods {
			in.Pods[i] = in.Pods[i].waiting("ImagePullBackOff", "Back-off")
		}
	},
	"crashing": func(in *Input) {
		for i := range in.Pods {
			in.Pods[i] = in.Pods[i].crashed(protocol.ExitCrashed, "exit 255")
		}
	},
	"silent": func(in *Input) {
		for i := range in.Pods {
			in.Pods[i].Unreachable, in.Pods[i].Error = true, "timeout"
		}
	},
	"no pods":     func(in *Input) { in.Pods = nil },
	"bad timeout": func(in *Input) { in.Times = Times{Timeout: time.Minute, Grace: time.Minute} },
	"good times":  func(in *Input) { in.Times = Times{Timeout: time.Minute, Grace: time.Hour} },
	"low limit": func(in *Input) {
		in.Findings = []effective.Problem{{Reason: v1alpha1.ReasonMemoryLimitLow, Message: "Raise it."}}
	},
	"pods end": func(in *Input) {
		for i := range in.Pods {
			in.Pods[i].Status.Phase = corev1.PodFailed
		}
	},
}

// drawSituation returns a pool in a situation, after a mishap.
func drawSituation(t *rapid.T, now time.Time) Input {
	in := situations[rapid.SampledFrom(sortedKeys(situations)).Draw(t, "situation")]()
	in.Now = now
	mishaps[rapid.SampledFrom(sortedKeys(mishaps)).Draw(t, "mishap")](&in)
	return in
}

func sortedKeys[V any](of map[string]V) []string {
	keys := make([]string, 0, len(of))
	for key := range of {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// whileTrue are the conditions that exist only while they are true.
var whileTrue = append([]string{
	v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled, v1alpha1.ConditionConflict, v1alpha1.ConditionNotPermitted,
	v1alpha1.ConditionWorkersStuck, v1alpha1.ConditionComplete, v1alpha1.ConditionRunFailed,
}, AlertTypes...)

// TestConditionsInAnyLife: whatever happens to a pool in whatever order, the API server
// takes its conditions, they say one thing about the whole, and each says since when.
func TestConditionsInAnyLife(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var status v1alpha1.QueueWorkerStatus
		now := noon
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "seconds")) * time.Second)
			in := drawSituation(t, now)
			in.Worker.Status = *status.DeepCopy()
			out := Compute(in)
			checkConditions(t, out.Status.Conditions)
			checkClocks(t, now, status.Conditions, out.Status.Conditions)
			if out.Recheck < 0 || out.Recheck > StallAfter {
				t.Fatalf("looks again after %s", out.Recheck)
			}
			if out.Status.State == "" {
				t.Fatal("the pool has no state")
			}
			status = out.Status
		}
		// Once the pool is as wanted, nothing of its past stays.
		in := pool(2)
		in.Now = now.Add(time.Hour)
		in.Worker.Status = *status.DeepCopy()
		settled := Compute(in).Status
		for _, conditionType := range whileTrue {
			if found := meta.FindStatusCondition(settled.Conditions, conditionType); found != nil {
				t.Fatalf("a pool that is as wanted still has %+v", found)
			}
		}
	})
}

// TestTheSameSituationIsTheSameStatus: a pool to which nothing happens keeps its status,
// and has no event.
func TestTheSameSituationIsTheSameStatus(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawSituation(t, noon)
		in.Worker.Status = Compute(in).Status
		in.Worker.Status = Compute(in).Status // the first decision and run are changes
		again := Compute(in).Status
		if write, wait := Due(&in.Worker.Status, &again, noon.Add(time.Hour), Writes{}); write || wait != 0 {
			t.Fatalf("it is written again: %t, %s", write, wait)
		}
		if events := Changes(in, &again); len(events) > 0 {
			t.Fatalf("it is told again: %+v", events)
		}
	})
}

// validReason is what the API server takes as a condition's reason.
var validReason = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$`)

func checkConditions(t *rapid.T, conditions []metav1.Condition) {
	types := map[string]bool{}
	for i := range conditions {
		c := &conditions[i]
		if types[c.Type] || i > 0 && c.Type < conditions[i-1].Type {
			t.Fatalf("%s is twice there or not in order", c.Type)
		}
		types[c.Type] = true
		if !validReason.MatchString(c.Reason) || !strings.HasSuffix(c.Message, ".") && c.Reason != v1alpha1.ReasonPausedByFailing || c.ObservedGeneration != 3 {
			t.Fatalf("the condition is incomplete: %+v", c)
		}
		if slices.Contains(whileTrue, c.Type) && c.Status != metav1.ConditionTrue {
			t.Fatalf("%s is there and not true: %+v", c.Type, c)
		}
	}
	whole := 0
	for _, is := range []bool{meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionReady), types[v1alpha1.ConditionReconciling], types[v1alpha1.ConditionStalled]} {
		if is {
			whole++
		}
	}
	if whole != 1 {
		t.Fatalf("%d of Ready, Reconciling and Stalled are true: %+v", whole, conditions)
	}
	if types[v1alpha1.ConditionComplete] && types[v1alpha1.ConditionRunFailed] {
		t.Fatal("the last run is complete and failed")
	}
}

// checkClocks: a transition time is that of the change of the status. A condition that
// exists only while it is true also starts anew with another reason.
func checkClocks(t *rapid.T, now time.Time, before, after []metav1.Condition) {
	for i := range after {
		is := &after[i]
		was := meta.FindStatusCondition(before, is.Type)
		moved := was == nil || was.Status != is.Status || slices.Contains(whileTrue, is.Type) && was.Reason != is.Reason
		want := now
		if !moved {
			want = was.LastTransitionTime.Time
		}
		if !is.LastTransitionTime.Time.Equal(want) {
			t.Fatalf("%s is since %s, want %s\nbefore %+v\nafter %+v", is.Type, is.LastTransitionTime, want, was, is)
		}
	}
}
