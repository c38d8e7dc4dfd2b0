// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/scaling"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/test/builders"
)

// tallyLook is what is seen of pod a: the counts of its agent, nil if it has not
// reported, and its final report, nil if it has not ended.
type tallyLook struct {
	report, final *int64
	// gone reports whether the pod is not among the existing pods.
	gone bool
	// want is how many attempts the tally has then.
	want int64
}

func counters(attempts *int64) *protocol.Counters {
	if attempts == nil {
		return nil
	}
	return &protocol.Counters{Processed: *attempts, JobMilliseconds: 500 * *attempts}
}

func TestTally(t *testing.T) {
	n := func(attempts int64) *int64 { return &attempts }
	tests := map[string]struct {
		created time.Time
		looks   []tallyLook
	}{
		"a pod of this operator's time":          {noon.Add(time.Second), []tallyLook{{report: n(3), want: 3}, {report: n(3), want: 3}, {report: n(5), want: 5}}},
		"one from before":                        {noon.Add(-time.Hour), []tallyLook{{report: n(300), want: 0}, {report: n(302), want: 2}}},
		"silent for a while":                     {noon.Add(time.Second), []tallyLook{{report: n(3), want: 3}, {want: 3}, {report: n(4), want: 4}}},
		"its counters were lost":                 {noon.Add(time.Second), []tallyLook{{report: n(30), want: 30}, {report: n(1), want: 30}, {report: n(4), want: 33}}},
		"it ends with more":                      {noon.Add(time.Second), []tallyLook{{report: n(3), want: 3}, {gone: true, final: n(5), want: 5}, {gone: true, final: n(5), want: 5}, {gone: true, want: 5}}},
		"it ends while it is looked at":          {noon.Add(time.Second), []tallyLook{{report: n(3), want: 3}, {report: n(4), final: n(5), want: 5}}},
		"it ends without a word":                 {noon.Add(time.Second), []tallyLook{{report: n(3), want: 3}, {gone: true, want: 3}}},
		"one that ended before it was ever seen": {noon.Add(-time.Hour), []tallyLook{{gone: true, final: n(50), want: 0}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var total tally
			pod := builders.Pod("a", tc.created)
			for i, look := range tc.looks {
				seen := &Pod{Pod: pod}
				if reported := counters(look.report); reported != nil {
					seen.Report.Status = &protocol.Status{Counters: *reported}
				}
				var pods []*Pod
				if !look.gone {
					pods = append(pods, seen)
				}
				var endings []telemetry.Ended
				if final := counters(look.final); final != nil {
					endings = append(endings, telemetry.Ended{UID: pod.UID, Final: &protocol.Final{Counters: *final}})
				}
				total = total.next(noon, pods, endings)
				if want := (scaling.Completed{Attempts: look.want, Seconds: float64(look.want) / 2}); total.completed != want {
					t.Errorf("look %d: %+v, want %+v", i, total.completed, want)
				}
			}
			if len(total.counted) > 1 {
				t.Errorf("remembers %v", total.counted)
			}
		})
	}
}

// TestTallyNeverDecreases: whatever pods report, come and end, completed work is not
// undone, and only existing pods are remembered.
func TestTallyNeverDecreases(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var total tally
		for range rapid.IntRange(1, 20).Draw(t, "looks") {
			var pods []*Pod
			var endings []telemetry.Ended
			for i := range 4 {
				pod := &Pod{Pod: builders.Pod(fmt.Sprint(i), noon.Add(time.Duration(i-2)*time.Hour))}
				counted := protocol.Counters{
					Processed: rapid.Int64Range(0, 100).Draw(t, "processed"), Released: rapid.Int64Range(0, 5).Draw(t, "released"),
					JobMilliseconds: rapid.Int64Range(0, 1e6).Draw(t, "took"),
				}
				if rapid.Bool().Draw(t, "there") {
					pods = append(pods, pod)
				}
				if rapid.Bool().Draw(t, "reports") {
					pod.Report.Status = &protocol.Status{Counters: counted}
				}
				if rapid.Bool().Draw(t, "ended") {
					endings = append(endings, telemetry.Ended{UID: pod.UID, Final: &protocol.Final{Counters: counted}})
				}
			}
			before := total.completed
			total = total.next(noon, pods, endings)
			if total.completed.Attempts < before.Attempts || total.completed.Seconds < before.Seconds {
				t.Fatalf("%+v became %+v", before, total.completed)
			}
			if len(total.counted) > 4 {
				t.Fatalf("remembers %d of 4 pods", len(total.counted))
			}
		}
	})
}

func TestStartLatency(t *testing.T) {
	ready := func(after time.Duration) *Pod {
		pod := builders.Pod(after.String(), noon)
		pod.Status.Conditions[0].LastTransitionTime.Time = noon.Add(after)
		return &Pod{Pod: pod}
	}
	starting := &Pod{Pod: builders.Pod("starting", noon)}
	starting.Status.Conditions[0].Status = corev1.ConditionFalse
	tests := map[string]struct {
		pods []*Pod
		want time.Duration
	}{
		"no pods":                     {nil, 7 * time.Second},
		"none is ready":               {[]*Pod{starting}, 7 * time.Second},
		"the median":                  {[]*Pod{ready(60 * time.Second), ready(3 * time.Second), starting, ready(4 * time.Second)}, 4 * time.Second},
		"ready again after an hour":   {[]*Pod{ready(time.Hour)}, 7 * time.Second},
		"a clock that goes backwards": {[]*Pod{ready(-time.Second)}, 7 * time.Second},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := startLatency(tc.pods, 7*time.Second); got != tc.want {
				t.Errorf("startLatency() = %s, want %s", got, tc.want)
			}
		})
	}
}
