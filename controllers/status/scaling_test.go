// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/drain"
	"queueworker.dev/queueworker/controllers/scaling"
)

// scaled returns a pool whose size, in pods, was decided for a reason.
func scaled(pods int, reason scaling.Reason) Input {
	in := pool(pods)
	in.Worker.Spec.Autoscaling = &v1alpha1.Autoscaling{MaxProcesses: 20}
	in.Scaling = &scaling.Decision{Processes: int32(pods), Reason: reason, Message: fmt.Sprintf("%d processes: because.", pods)}
	in.Backlog = measured(protocol.QueueDepth{Queue: "emails"})
	return in
}

// limited adds a cap that leaves the pool less than it asks for.
func limited(in Input) Input {
	in.Cap = &scaling.Grant{Name: "emails", Processes: in.Processes, Limited: true, Message: "The cap is 3."}
	return in
}

func TestAutoscalingStatus(t *testing.T) {
	tests := map[string]struct {
		change func(*scaling.Decision)
		want   v1alpha1.AutoscalingStatus
	}{
		"figures": {
			func(d *scaling.Decision) {
				d.ArrivalRate, d.ServiceTime, d.Utilisation, d.TimeToClear = 3.1, 920*time.Millisecond, 0.714, 45*time.Second
			},
			v1alpha1.AutoscalingStatus{ArrivalRate: "3.1", ServiceTime: "0.92s", Utilisation: "71%", TimeToClear: "45.0s"},
		},
		"no figures":             {func(*scaling.Decision) {}, v1alpha1.AutoscalingStatus{ArrivalRate: "0"}},
		"a backlog that grows":   {func(d *scaling.Decision) { d.TimeToClear = scaling.Never }, v1alpha1.AutoscalingStatus{ArrivalRate: "0", TimeToClear: "never"}},
		"more than it can serve": {func(d *scaling.Decision) { d.Utilisation = 1.5 }, v1alpha1.AutoscalingStatus{ArrivalRate: "0", Utilisation: "150%"}},
		"a limit":                {func(d *scaling.Decision) { d.LimitedBy = scaling.LimitMinimum }, v1alpha1.AutoscalingStatus{ArrivalRate: "0", LimitedBy: "Minimum"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := scaled(2, scaling.ReasonDemand)
			in.Worker.Status.Autoscaling = &v1alpha1.AutoscalingStatus{Desired: 2}
			tc.change(in.Scaling)
			tc.want.Desired, tc.want.Reason, tc.want.Message = 2, "Demand", "2 processes: because."
			if diff := cmp.Diff(&tc.want, autoscalingStatus(in)); diff != "" {
				t.Errorf("autoscalingStatus() differs (-want +got):\n%s", diff)
			}
		})
	}
	if got := autoscalingStatus(pool(2)); got != nil {
		t.Errorf("a pool of a fixed size says %+v", got)
	}
	capped := autoscalingStatus(limited(scaled(3, scaling.ReasonDemand)))
	if capped.LimitedBy != string(scaling.LimitCap) || capped.Message != "3 processes: because. The cap is 3." {
		t.Errorf("under a cap it says %+v", capped)
	}
}

// Only changes of the size are kept, the newest first, and at most maxDecisions of them.
func TestDecisions(t *testing.T) {
	worker := pool(0).Worker
	for size := range 30 {
		for range 3 {
			in := scaled(size, scaling.ReasonDemand)
			in.Now = noon.Add(time.Duration(size) * time.Minute)
			in.Worker = worker.DeepCopy()
			in.Worker.Spec.Autoscaling = &v1alpha1.Autoscaling{MaxProcesses: 100}
			before := in.Worker.DeepCopy()
			worker.Status = Compute(in).Status
			if !cmp.Equal(before, in.Worker) {
				t.Fatal("what was observed has been changed")
			}
		}
	}
	got := worker.Status.Autoscaling.Decisions
	if len(got) != maxDecisions {
		t.Fatalf("%d decisions are kept, want %d", len(got), maxDecisions)
	}
	for i, decision := range got {
		if to := int32(29 - i); decision.From != to-1 || decision.To != to || decision.Message == "" || !decision.Time.Equal(new(metav1.NewTime(noon.Add(time.Duration(to)*time.Minute)))) {
			t.Errorf("decision %d is %+v", i, decision)
		}
	}
}

func TestScalingConditions(t *testing.T) {
	tests := map[string]struct {
		in                                         Input
		active, limited                            metav1.ConditionStatus
		activeReason, limitedReason, limitedPhrase string
	}{
		"a fixed size": {in: pool(2)},
		"a fixed size under a cap that suffices": {
			in:      func() Input { in := pool(2); in.Cap = &scaling.Grant{Processes: 2}; return in }(),
			limited: metav1.ConditionFalse, limitedReason: v1alpha1.ReasonNotLimited,
		},
		"a fixed size under a cap that does not": {
			in: limited(pool(2)), limited: metav1.ConditionTrue, limitedReason: v1alpha1.ReasonSharedCap, limitedPhrase: "The cap is 3.",
		},
		"it follows": {
			in: scaled(2, scaling.ReasonDemand), active: metav1.ConditionTrue, activeReason: v1alpha1.ReasonFollowing,
			limited: metav1.ConditionFalse, limitedReason: v1alpha1.ReasonNotLimited,
		},
		"it waits before it shrinks": {
			in: scaled(2, scaling.ReasonScaleDownPending), active: metav1.ConditionTrue, activeReason: v1alpha1.ReasonFollowing,
			limited: metav1.ConditionFalse, limitedReason: v1alpha1.ReasonNotLimited,
		},
		"the backlog is unknown": {
			in: scaled(2, scaling.ReasonBacklogUnknown), active: metav1.ConditionFalse, activeReason: "BacklogUnknown",
			limited: metav1.ConditionFalse, limitedReason: v1alpha1.ReasonNotLimited,
		},
		"the agents are silent": {
			in: scaled(2, scaling.ReasonAgentsUnreadable), active: metav1.ConditionFalse, activeReason: "AgentsUnreadable",
			limited: metav1.ConditionFalse, limitedReason: v1alpha1.ReasonNotLimited,
		},
		"paused": {
			in: scaled(2, scaling.ReasonPaused), active: metav1.ConditionFalse, activeReason: "Paused",
			limited: metav1.ConditionFalse, limitedReason: v1alpha1.ReasonNotLimited,
		},
		"at its maximum": {
			in: func() Input {
				in := scaled(20, scaling.ReasonDemand)
				in.Scaling.LimitedBy = scaling.LimitMaximum
				return in
			}(),
			active: metav1.ConditionTrue, activeReason: v1alpha1.ReasonFollowing,
			limited: metav1.ConditionTrue, limitedReason: v1alpha1.ReasonMaximum, limitedPhrase: "at most 20 processes (spec.autoscaling.maxProcesses)",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			conditions := Compute(tc.in).Status.Conditions
			for conditionType, want := range map[string][2]string{
				v1alpha1.ConditionScalingActive:  {string(tc.active), tc.activeReason},
				v1alpha1.ConditionScalingLimited: {string(tc.limited), tc.limitedReason},
			} {
				got := meta.FindStatusCondition(conditions, conditionType)
				switch {
				case got == nil && want[0] == "":
				case got == nil || string(got.Status) != want[0] || got.Reason != want[1] || !strings.HasSuffix(got.Message, "."):
					t.Errorf("%s is %+v, want %v", conditionType, got, want)
				case conditionType == v1alpha1.ConditionScalingLimited && !strings.Contains(got.Message, tc.limitedPhrase):
					t.Errorf("%s says %q, want %q in it", conditionType, got.Message, tc.limitedPhrase)
				}
			}
		})
	}
}

func TestStateOfScaledPools(t *testing.T) {
	empty := func(reason scaling.Reason) Input {
		in := scaled(0, reason)
		in.Deployment.Status = appsStatus(0)
		return in
	}
	tests := map[string]struct {
		in     Input
		state  v1alpha1.State
		reason string
		phrase string
	}{
		"at zero": {empty(scaling.ReasonNothingToDo), v1alpha1.StateIdle, v1alpha1.ReasonScaledToZero, "no process is needed"},
		"stopped": {
			func() Input { in := empty(scaling.ReasonStopped); in.Worker.Spec.Stopped = true; return in }(),
			v1alpha1.StateStopped, v1alpha1.ReasonStopped, "spec.stopped is true",
		},
		"a cap leaves nothing": {
			func() Input { in := limited(pool(0)); in.Worker.Spec.Processes = new(int32(3)); return in }(),
			v1alpha1.StateStopped, v1alpha1.ReasonStopped, "The cap is 3.",
		},
		"on its way to zero": {
			func() Input {
				in := scaled(1, scaling.ReasonNothingToDo)
				in.Processes, in.Removal = 0, drain.Plan{Reason: drain.Draining, Message: "Waiting for the jobs of 1 pod."}
				return in
			}(),
			v1alpha1.StateDraining, v1alpha1.ReasonProgressing, "Waiting for the jobs of 1 pod.",
		},
		"on its way to fewer pods": {
			func() Input {
				in := pool(3)
				in.Processes, in.Removal = 2, drain.Plan{Reason: drain.Ranking, Message: "Waiting for marks."}
				in.Pods[2].Report.Phase = protocol.PhaseCordoned
				in.Pods[2] = in.Pods[2].worker(protocol.WorkerStopped, nil)
				return in
			}(),
			v1alpha1.StateIdle, v1alpha1.ReasonProgressing, "Waiting for marks.",
		},
		"waiting for a rollout": {
			func() Input {
				in := pool(3)
				in.Processes, in.Removal = 2, drain.Plan{Reason: drain.AwaitingRollout, Message: "Waiting for the rollout."}
				return in
			}(),
			v1alpha1.StateIdle, v1alpha1.ReasonProgressing, "Waiting for the rollout.",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := Compute(tc.in).Status
			ready := meta.FindStatusCondition(got.Conditions, v1alpha1.ConditionReady)
			if got.State != tc.state || ready.Reason != tc.reason || !strings.Contains(ready.Message, tc.phrase) {
				t.Errorf("state is %s, Ready %+v; want %s, %s, %q", got.State, ready, tc.state, tc.reason, tc.phrase)
			}
			if (ready.Status == metav1.ConditionTrue) != (tc.reason != v1alpha1.ReasonProgressing) {
				t.Errorf("Ready is %+v", ready)
			}
		})
	}
	draining := pool(3)
	draining.Pods[2].Report.Phase = protocol.PhaseCordoned
	if got := Compute(draining).Status.Ready; got != 2 {
		t.Errorf("%d processes are ready, want 2: the third takes no jobs", got)
	}
}

func TestForeignScalersAndStuckWorkersAreTold(t *testing.T) {
	tests := map[string]struct {
		change    func(*Input)
		condition string
		reason    string
		phrases   []string
	}{
		"somebody else scales": {
			func(in *Input) { in.Foreign = "kubectl" }, v1alpha1.ConditionConflict, v1alpha1.ReasonForeignScaler,
			[]string{`"kubectl" has changed the replicas of the Deployment emails-worker`, "kubectl scale queueworker emails"},
		},
		"a taken name counts more": {
			func(in *Input) { in.Foreign, in.Conflict = "kubectl", "It is theirs." }, v1alpha1.ConditionConflict, v1alpha1.ReasonForeignObject, []string{"It is theirs."},
		},
		"a stuck worker": {
			func(in *Input) { in.Stuck = []string{"emails-0", "emails-1"} }, v1alpha1.ConditionWorkersStuck, v1alpha1.ReasonIdleWithWork,
			[]string{"2 pod(s), first emails-0", "maintenance mode"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := pool(2)
			in.Worker.Status = Compute(in).Status
			tc.change(&in)
			after := Compute(in).Status
			got := meta.FindStatusCondition(after.Conditions, tc.condition)
			if got == nil || got.Status != metav1.ConditionTrue || got.Reason != tc.reason {
				t.Fatalf("%s is %+v, want True, %s", tc.condition, got, tc.reason)
			}
			for _, phrase := range tc.phrases {
				if !strings.Contains(got.Message, phrase) {
					t.Errorf("%q lacks %q", got.Message, phrase)
				}
			}
			if write, _ := Due(&in.Worker.Status, &after, in.Now, Writes{in.Now, in.Now}); !write {
				t.Error("it is not written at once")
			}
			again := pool(2)
			again.Worker.Status = after
			if left := meta.FindStatusCondition(Compute(again).Status.Conditions, tc.condition); left != nil {
				t.Errorf("%s stays: %+v", tc.condition, left)
			}
		})
	}
	if event := Stuck("emails-0"); event.Reason != v1alpha1.EventStuck || !strings.Contains(event.Note, "emails-0") {
		t.Errorf("the event is %+v", event)
	}
}

func TestScalingIsWrittenAtMostOnceAMinute(t *testing.T) {
	figures := func(in *Input) { in.Scaling.Message, in.Scaling.ArrivalRate = "2 processes: for another reason.", 0.5 }
	ages := func(in *Input) {
		in.Now = noon.Add(time.Hour)
		in.Backlog = Backlog{Measured: true, MeasuredAt: in.Now, Queues: []protocol.QueueDepth{{Queue: "emails", Ready: 2, OldestSeconds: new(900.0)}}}
	}
	tests := map[string]struct {
		change func(*Input)
		since  time.Duration
		write  bool
		wait   time.Duration
		tells  bool
	}{
		"nothing":                     {change: func(*Input) {}, since: time.Hour},
		"figures, soon after others":  {change: figures, since: 20 * time.Second, wait: 40 * time.Second, tells: true},
		"figures, long after others":  {change: figures, since: time.Minute, write: true, tells: true},
		"ages alone":                  {change: ages, since: time.Hour},
		"jobs that wait":              {change: func(in *Input) { in.Backlog.Queues[0].Ready = 9 }, since: time.Minute, write: true, tells: true},
		"another size":                {change: func(in *Input) { in.Processes, in.Scaling.Processes = 5, 5 }, write: true, tells: true},
		"the backlog is not readable": {change: func(in *Input) { in.Backlog.Reason = protocol.BacklogDenied }, write: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := scaled(2, scaling.ReasonDemand)
			in.Backlog = measured(protocol.QueueDepth{Queue: "emails", Ready: 2, OldestSeconds: new(3.0)})
			in.Worker.Status = Compute(in).Status
			in.Worker.Status = Compute(in).Status // the first decision is one of the changes
			tc.change(&in)
			after := Compute(in).Status
			if write, wait := Due(&in.Worker.Status, &after, in.Now, Writes{OfJobs: in.Now.Add(-tc.since)}); write != tc.write || wait != tc.wait {
				t.Errorf("Due() = %t, %s; want %t, %s", write, wait, tc.write, tc.wait)
			}
			if tells := TellsOfJobs(&in.Worker.Status, &after); tells != tc.tells {
				t.Errorf("TellsOfJobs() = %t, want %t", tells, tc.tells)
			}
		})
	}
}

func TestScalingEvents(t *testing.T) {
	tests := map[string]struct {
		to   func() Input
		want string
	}{
		"the law":     {func() Input { return scaled(5, scaling.ReasonDemand) }, "Scaled from 2 to 5 processes: because."},
		"the cap":     {func() Input { return limited(scaled(3, scaling.ReasonDemand)) }, "Scaled from 2 to 3 process(es): The cap is 3."},
		"a fixed cap": {func() Input { return limited(pool(3)) }, "Scaled from 2 to 3 process(es): The cap is 3."},
		"by hand":     {func() Input { return pool(4) }, "Scaled from 2 to 4 process(es)"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := tc.to()
			in.Worker.Status = Compute(pool(2)).Status
			after := Compute(in).Status
			var notes []string
			for _, event := range Changes(in, &after) {
				if event.Reason == v1alpha1.EventScaled {
					notes = append(notes, event.Note)
				}
			}
			if diff := cmp.Diff([]string{tc.want}, notes); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}
