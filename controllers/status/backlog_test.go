// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// measured returns a backlog of queues measured at noon.
func measured(queues ...protocol.QueueDepth) Backlog {
	return Backlog{Measured: true, MeasuredAt: noon, Queues: queues}
}

func TestBacklogStatus(t *testing.T) {
	at := func(ago time.Duration) *metav1.Time { return new(metav1.NewTime(noon.Add(-ago))) }
	before := &v1alpha1.BacklogStatus{Ready: 7, OldestTime: at(31 * time.Second)}
	tests := map[string]struct {
		backlog Backlog
		before  *v1alpha1.BacklogStatus
		want    *v1alpha1.BacklogStatus
	}{
		"nobody measures":                    {Backlog{}, before, nil},
		"nothing measured by this operator":  {Backlog{Measured: true}, before, before},
		"nothing measured ever":              {Backlog{Measured: true, Reason: protocol.BacklogDenied}, nil, nil},
		"one queue has no list":              {measured(protocol.QueueDepth{Queue: "a", Ready: 3, Delayed: 2, Reserved: 1}), nil, &v1alpha1.BacklogStatus{Ready: 3, Delayed: 2, Reserved: 1}},
		"an age of nothing is left out":      {measured(protocol.QueueDepth{Queue: "a", OldestSeconds: new(9.0)}), nil, &v1alpha1.BacklogStatus{}},
		"an instant stays where ages jitter": {measured(protocol.QueueDepth{Queue: "a", Ready: 1, OldestSeconds: new(30.4)}), before, &v1alpha1.BacklogStatus{Ready: 1, OldestTime: at(31 * time.Second)}},
		"several are added up": {
			measured(
				protocol.QueueDepth{Queue: "high", Ready: 3, OldestSeconds: new(10.0), NextDueSeconds: new(60.0), Failed: new(int64(2))},
				protocol.QueueDepth{Queue: "low", Ready: 4, Delayed: 5, Reserved: 6, OldestSeconds: new(20.0), NextDueSeconds: new(30.0)},
				protocol.QueueDepth{Queue: "none", Failed: new(int64(1))},
			), nil,
			&v1alpha1.BacklogStatus{
				Ready: 7, Delayed: 5, Reserved: 6, Failed: new(int64(3)), OldestTime: at(20 * time.Second), NextDueTime: at(-30 * time.Second),
				Queues: []v1alpha1.QueueBacklog{
					{Queue: "high", Ready: 3, Failed: new(int64(2)), OldestTime: at(10 * time.Second)},
					{Queue: "low", Ready: 4, Delayed: 5, Reserved: 6, OldestTime: at(20 * time.Second)},
					{Queue: "none", Failed: new(int64(1))},
				},
			},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, backlogStatus(tc.backlog, tc.before)); diff != "" {
				t.Errorf("backlogStatus() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBacklogCondition(t *testing.T) {
	failing := func(reason protocol.BacklogError, message string, ago time.Duration, measured bool) Backlog {
		b := Backlog{Measured: true, Reason: reason, Message: message, FailingSince: noon.Add(-ago)}
		if measured {
			b.MeasuredAt = noon.Add(-time.Hour)
		}
		return b
	}
	tests := map[string]struct {
		backlog    Backlog
		autoscaled bool
		want       metav1.ConditionStatus
		reason     string
		phrase     string
		// recheck is the time after which the condition changes without news.
		recheck time.Duration
	}{
		"nobody measures and nobody asks":         {},
		"the backlog is needed, and not measured": {autoscaled: true, want: metav1.ConditionFalse, reason: v1alpha1.ReasonNoDriver, phrase: "spec.connection.driver of the QueueApp is None"},
		"measured":                      {backlog: measured(), want: metav1.ConditionTrue, reason: v1alpha1.ReasonMeasured},
		"the probe has yet to be asked": {backlog: Backlog{Measured: true}, want: metav1.ConditionUnknown, reason: v1alpha1.ReasonProgressing, phrase: "is starting"},
		"the probe is on its way": {
			backlog: failing(protocol.BacklogUnreachable, "The backlog probe is not running yet.", 10*time.Second, false),
			want:    metav1.ConditionUnknown, reason: v1alpha1.ReasonProgressing, phrase: "not running yet", recheck: 20 * time.Second,
		},
		"the probe does not come": {
			backlog: failing(protocol.BacklogUnreachable, "The image cannot be pulled.", probeStartTime, false),
			want:    metav1.ConditionFalse, reason: "Unreachable", phrase: "cannot be pulled",
		},
		"a wrong password is told at once": {
			backlog: failing(protocol.BacklogDenied, "The server refused the password", 0, false),
			want:    metav1.ConditionFalse, reason: "Denied", phrase: "refused the password.",
		},
		"an outage": {
			backlog: failing(protocol.BacklogUnreachable, "No route to host.", 0, true),
			want:    metav1.ConditionFalse, reason: "Unreachable", phrase: "shows the last measurement",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := pool(1)
			in.Backlog = tc.backlog
			if tc.autoscaled {
				in.Worker.Spec.Autoscaling = &v1alpha1.Autoscaling{MaxProcesses: 3}
			}
			out := Compute(in)
			got := meta.FindStatusCondition(out.Status.Conditions, v1alpha1.ConditionBacklogKnown)
			if out.Recheck != tc.recheck {
				t.Errorf("looks again after %s, want %s", out.Recheck, tc.recheck)
			}
			if tc.want == "" {
				if got != nil {
					t.Errorf("BacklogKnown is %+v, want none", got)
				}
				return
			}
			if got == nil || got.Status != tc.want || got.Reason != tc.reason || !strings.Contains(got.Message, tc.phrase) || !strings.HasSuffix(got.Message, ".") {
				t.Errorf("BacklogKnown is %+v, want %s, %s, %q", got, tc.want, tc.reason, tc.phrase)
			}
		})
	}
}

func TestProbeProblem(t *testing.T) {
	going := pod("going").waiting("ImagePullBackOff", "Back-off")
	going.DeletionTimestamp = new(metav1.NewTime(noon))
	tests := map[string]struct {
		pods   []Pod
		phrase string
	}{
		"no pod":           {},
		"it runs":          {pods: []Pod{pod("a")}},
		"it starts":        {pods: []Pod{pod("a").waiting("ContainerCreating", "")}},
		"a missing Secret": {[]Pod{pod("a").waiting("CreateContainerConfigError", `secret "shop-env" not found`)}, `secret "shop-env" not found`},
		"one that goes":    {pods: []Pod{going}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := ProbeProblem(tc.pods)
			if (got == "") != (tc.phrase == "") || !strings.Contains(got, tc.phrase) || got != "" && !strings.HasPrefix(got, "The backlog probe does not run: ") {
				t.Errorf("ProbeProblem() = %q, want %q in it", got, tc.phrase)
			}
		})
	}
}

func TestTimeoutChain(t *testing.T) {
	const s = time.Second
	sampled := func(seconds int64) Backlog {
		return measured(protocol.QueueDepth{Queue: "quick", MaxTimeoutSeconds: new(int64(5))}, protocol.QueueDepth{Queue: "slow", MaxTimeoutSeconds: &seconds})
	}
	tests := map[string]struct {
		times   Times
		backlog Backlog
		reason  string
		phrase  string
	}{
		"no pods are built":                     {times: Times{Timeout: 60 * s, RetryAfter: 90 * s}},
		"in order":                              {Times{60 * s, 90 * s, 75 * s}, Backlog{}, v1alpha1.ReasonInOrder, "retryAfter"},
		"in order as far as is known":           {Times{60 * s, 0, 75 * s}, Backlog{}, v1alpha1.ReasonInOrder, "grace period"},
		"no timeout":                            {Times{0, 90 * s, time.Hour}, Backlog{}, v1alpha1.ReasonNoTimeout, "With spec.timeout 0s"},
		"given out again while it runs":         {Times{90 * s, 90 * s, 105 * s}, Backlog{}, v1alpha1.ReasonRetryAfterBelowTimeout, "for 1m30s (timeout)"},
		"a job's own timeout is above retry":    {Times{60 * s, 90 * s, 175 * s}, sampled(120), v1alpha1.ReasonRetryAfterBelowTimeout, "Jobs on queue slow set a timeout of 2m0s themselves"},
		"killed by its pod's end":               {Times{60 * s, 90 * s, 60 * s}, Backlog{}, v1alpha1.ReasonGraceBelowTimeout, "gracePeriod"},
		"a job's own timeout is above grace":    {Times{60 * s, 300 * s, 75 * s}, sampled(120), v1alpha1.ReasonGraceBelowTimeout, "Jobs on queue slow"},
		"the first pair is told, not the last":  {Times{120 * s, 90 * s, 60 * s}, Backlog{}, v1alpha1.ReasonRetryAfterBelowTimeout, "twice at once"},
		"a job's own timeout that does no harm": {Times{60 * s, 90 * s, 75 * s}, sampled(30), v1alpha1.ReasonInOrder, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := pool(1)
			in.Times, in.Backlog = tc.times, tc.backlog
			got := meta.FindStatusCondition(Compute(in).Status.Conditions, v1alpha1.ConditionTimeoutChain)
			if tc.reason == "" {
				if got != nil {
					t.Errorf("TimeoutChain is %+v, want none", got)
				}
				return
			}
			if got == nil || got.Reason != tc.reason || !strings.Contains(got.Message, tc.phrase) || (got.Status == metav1.ConditionTrue) != (tc.reason == v1alpha1.ReasonInOrder) {
				t.Errorf("TimeoutChain is %+v, want %s with %q", got, tc.reason, tc.phrase)
			}
		})
	}
}
