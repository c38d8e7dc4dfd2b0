// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

func TestStateAndReady(t *testing.T) {
	job := &protocol.Job{Class: "App\\Jobs\\Send"}
	tests := map[string]struct {
		change     func(*Input)
		wantState  v1alpha1.State
		wantReason string
		wantPhrase string
		// wantReady is whether Ready is true; otherwise Reconciling or Stalled must be
		// present.
		wantReady, wantStalled bool
	}{
		"idle": {
			change:    func(*Input) {},
			wantState: v1alpha1.StateIdle, wantReason: v1alpha1.ReasonAsWanted, wantPhrase: "2 process(es) run in 2 pod(s)", wantReady: true,
		},
		"active": {
			change:    func(in *Input) { in.Pods[1] = in.Pods[1].worker(protocol.WorkerBusy, job) },
			wantState: v1alpha1.StateActive, wantReason: v1alpha1.ReasonAsWanted, wantReady: true,
		},
		"no Deployment yet": {
			change:    func(in *Input) { in.Deployment, in.Pods = nil, nil },
			wantState: v1alpha1.StateStarting, wantReason: v1alpha1.ReasonProgressing, wantPhrase: "being created",
		},
		"one pod not ready": {
			change: func(in *Input) {
				in.Deployment.Status.AvailableReplicas = 1
				in.Pods[0].Status.Conditions[0].Status = corev1.ConditionFalse
			},
			wantState: v1alpha1.StateIdle, wantReason: v1alpha1.ReasonProgressing, wantPhrase: "1 of 2 pods are ready",
		},
		"pausing while a job runs": {
			change: func(in *Input) {
				in.Worker.Spec.Paused = true
				in.Pods[0] = in.Pods[0].worker(protocol.WorkerRetiring, job)
				in.Pods[1] = in.Pods[1].worker(protocol.WorkerPaused, nil)
			},
			wantState: v1alpha1.StateDraining, wantReason: v1alpha1.ReasonPausing, wantPhrase: "1 process(es) finish",
		},
		"pausing while an agent has not heard of it": {
			change: func(in *Input) {
				in.Worker.Spec.Paused = true
				in.Revision = 5
				in.Pods[0] = in.Pods[0].worker(protocol.WorkerPaused, nil)
				in.Pods[1] = in.Pods[1].worker(protocol.WorkerPaused, nil)
			},
			wantState: v1alpha1.StateDraining, wantReason: v1alpha1.ReasonPausing, wantPhrase: "0 of 2 pods have received the pause",
		},
		"paused": {
			change: func(in *Input) {
				in.Worker.Spec.Paused = true
				for i := range in.Pods {
					in.Pods[i] = in.Pods[i].worker(protocol.WorkerPaused, nil)
				}
			},
			wantState: v1alpha1.StatePaused, wantReason: v1alpha1.ReasonPaused, wantReady: true,
		},
		"resuming while an agent has not heard of it": {
			change: func(in *Input) {
				in.Pods[0] = in.Pods[0].worker(protocol.WorkerPaused, nil)
				in.Pods[0].Report.Phase = protocol.PhasePaused
			},
			wantState: v1alpha1.StateIdle, wantReason: v1alpha1.ReasonProgressing, wantPhrase: "1 of 2 pods are still paused",
		},
		"resumed, but an agent that was paused is silent": {
			change: func(in *Input) {
				in.Pods[0] = in.Pods[0].worker(protocol.WorkerPaused, nil)
				in.Pods[0].Report.Phase, in.Pods[0].Unreachable = protocol.PhasePaused, true
			},
			wantState: v1alpha1.StateIdle, wantReason: v1alpha1.ReasonAsWanted, wantReady: true,
		},
		"stopping": {
			change: func(in *Input) {
				in.Worker.Spec.Stopped, in.Processes = true, 0
				in.Pods = in.Pods[:1]
				in.Pods[0].DeletionTimestamp = new(metav1.NewTime(noon))
				in.Deployment.Status = appsStatus(0)
			},
			wantState: v1alpha1.StateDraining, wantReason: v1alpha1.ReasonProgressing, wantPhrase: "1 pod(s) finish",
		},
		"stopped": {
			change: func(in *Input) {
				in.Worker.Spec.Stopped, in.Processes = true, 0
				in.Pods = nil
				in.Deployment.Status = appsStatus(0)
			},
			wantState: v1alpha1.StateStopped, wantReason: v1alpha1.ReasonStopped, wantPhrase: "spec.stopped", wantReady: true,
		},
		"app missing": {
			change: func(in *Input) {
				in.Problem = &effective.Problem{Reason: v1alpha1.ReasonAppNotFound, Message: "There is none."}
				in.Deployment, in.Pods = nil, nil
			},
			wantState: v1alpha1.StateStarting, wantReason: v1alpha1.ReasonAppNotFound,
		},
		"app invalid": {
			change: func(in *Input) {
				in.Problem = &effective.Problem{Reason: v1alpha1.ReasonAppInvalid, Message: "Remove args."}
			},
			wantState: v1alpha1.StateFailing, wantReason: v1alpha1.ReasonAppInvalid, wantStalled: true,
		},
		"conflict": {
			change:    func(in *Input) { in.Conflict = "The Deployment emails-worker exists already." },
			wantState: v1alpha1.StateFailing, wantReason: v1alpha1.ReasonForeignObject, wantStalled: true,
		},
		"rejected": {
			change:    func(in *Input) { in.Rejected = "The API server refused it." },
			wantState: v1alpha1.StateFailing, wantReason: v1alpha1.ReasonRejected, wantStalled: true,
		},
		"image cannot be pulled": {
			change:    func(in *Input) { in.Pods[0] = in.Pods[0].waiting("ImagePullBackOff", "Back-off pulling image") },
			wantState: v1alpha1.StateIdle, wantReason: v1alpha1.ReasonImagePull, wantPhrase: "The image shop:1 of container worker of pod emails-0 cannot be pulled",
		},
		"image runs as root": {
			change: func(in *Input) {
				in.Pods[0] = in.Pods[0].waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root (pod: ...)")
			},
			wantState: v1alpha1.StateFailing, wantReason: v1alpha1.ReasonRunsAsRoot, wantPhrase: "runs as root", wantStalled: true,
		},
		"a Secret is missing": {
			change: func(in *Input) {
				in.Pods[0] = in.Pods[0].waiting("CreateContainerConfigError", "secret \"shop-env\" not found")
			},
			wantState: v1alpha1.StateIdle, wantReason: v1alpha1.ReasonPodFailed, wantPhrase: "secret \"shop-env\" not found",
		},
		"command missing": {
			change: func(in *Input) {
				for i := range in.Pods {
					in.Pods[i] = in.Pods[i].crashed(protocol.ExitCommandNotFound, "php: no such file")
				}
			},
			wantState: v1alpha1.StateFailing, wantReason: v1alpha1.ReasonCommandNotFound, wantPhrase: "php: no such file", wantStalled: true,
		},
		"connection unknown": {
			change: func(in *Input) {
				for i := range in.Pods {
					in.Pods[i] = in.Pods[i].crashed(protocol.ExitConfigError, "No connector for [nope]")
				}
			},
			wantState: v1alpha1.StateFailing, wantReason: v1alpha1.ReasonConfigError, wantPhrase: "No connector for [nope]",
		},
		"beyond the QueueApp's consent": {
			change: func(in *Input) {
				in.Problem = &effective.Problem{Reason: v1alpha1.ReasonNotPermitted, Message: "Remove it."}
				in.NotPermitted = in.Problem
			},
			wantState: v1alpha1.StateFailing, wantReason: v1alpha1.ReasonNotPermitted, wantStalled: true,
		},
		"beyond what is permitted, from before": {
			change: func(in *Input) {
				in.NotPermitted = &effective.Problem{Reason: v1alpha1.ReasonFromBefore, Message: "Move it."}
			},
			wantState: v1alpha1.StateIdle, wantReason: v1alpha1.ReasonAsWanted, wantReady: true,
		},
		"one of two crashes": {
			change:    func(in *Input) { in.Pods[0] = in.Pods[0].crashed(protocol.ExitCrashed, "exit 255") },
			wantState: v1alpha1.StateIdle, wantReason: v1alpha1.ReasonAsWanted, wantReady: true,
		},
		"memory limit too low": {
			change: func(in *Input) {
				in.Findings = []effective.Problem{{Reason: v1alpha1.ReasonMemoryLimitLow, Message: "Raise it."}}
			},
			wantState: v1alpha1.StateIdle, wantReason: v1alpha1.ReasonMemoryLimitLow, wantPhrase: "Raise it.", wantReady: true,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := pool(2)
			tc.change(&in)
			got := Compute(in).Status
			if got.State != tc.wantState {
				t.Errorf("state is %s, want %s", got.State, tc.wantState)
			}
			ready := meta.FindStatusCondition(got.Conditions, v1alpha1.ConditionReady)
			if (ready.Status == metav1.ConditionTrue) != tc.wantReady || ready.Reason != tc.wantReason || !strings.Contains(ready.Message, tc.wantPhrase) {
				t.Errorf("Ready is %s, %s, %q; want %t, %s, %q", ready.Status, ready.Reason, ready.Message, tc.wantReady, tc.wantReason, tc.wantPhrase)
			}
			stalled := meta.IsStatusConditionTrue(got.Conditions, v1alpha1.ConditionStalled)
			reconciling := meta.IsStatusConditionTrue(got.Conditions, v1alpha1.ConditionReconciling)
			if stalled != tc.wantStalled || reconciling == (tc.wantReady || tc.wantStalled) {
				t.Errorf("Stalled is %t and Reconciling %t", stalled, reconciling)
			}
			for _, condition := range got.Conditions {
				if !strings.HasSuffix(condition.Message, ".") || condition.ObservedGeneration != 3 {
					t.Errorf("condition %s is incomplete: %+v", condition.Type, condition)
				}
			}
		})
	}
}

func TestStalledAfterTwoMinutes(t *testing.T) {
	in := pool(1)
	in.Problem = &effective.Problem{Reason: v1alpha1.ReasonAppNotFound, Message: "There is none."}
	first := Compute(in)
	if first.Recheck != StallAfter {
		t.Fatalf("looks again after %s, want %s", first.Recheck, StallAfter)
	}
	in.Worker.Status = first.Status
	in.Now = noon.Add(StallAfter - time.Second)
	second := Compute(in)
	if meta.IsStatusConditionTrue(second.Status.Conditions, v1alpha1.ConditionStalled) || second.Recheck != time.Second {
		t.Fatalf("a second early: %+v, recheck %s", second.Status.Conditions, second.Recheck)
	}
	in.Worker.Status = second.Status
	in.Now = noon.Add(StallAfter)
	third := Compute(in)
	if !meta.IsStatusConditionTrue(third.Status.Conditions, v1alpha1.ConditionStalled) {
		t.Fatal("is not stalled after two minutes")
	}
	in.Worker.Status = third.Status
	in.Now = noon.Add(time.Hour)
	if !meta.IsStatusConditionTrue(Compute(in).Status.Conditions, v1alpha1.ConditionStalled) {
		t.Fatal("does not stay stalled")
	}
	in.Problem = nil
	if status := Compute(in).Status; !meta.IsStatusConditionTrue(status.Conditions, v1alpha1.ConditionReady) ||
		meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionStalled) != nil {
		t.Fatal("is not mended when the app appears")
	}
}

func TestStandingConditions(t *testing.T) {
	tests := map[string]struct {
		change     func(*Input)
		condition  string
		wantStatus metav1.ConditionStatus
		wantReason string
	}{
		"all report": {
			func(*Input) {}, v1alpha1.ConditionAgentsReporting, metav1.ConditionTrue, v1alpha1.ReasonReporting,
		},
		"one is silent": {
			func(in *Input) {
				in.Pods[0].Unreachable, in.Pods[0].Error = true, "connection refused"
			},
			v1alpha1.ConditionAgentsReporting, metav1.ConditionFalse, v1alpha1.ReasonUnreachable,
		},
		"one missed a call": {
			func(in *Input) { in.Pods[0].Error = "connection refused" },
			v1alpha1.ConditionAgentsReporting, metav1.ConditionTrue, v1alpha1.ReasonReporting,
		},
		"no pods": {
			func(in *Input) { in.Pods = nil }, v1alpha1.ConditionAgentsReporting, metav1.ConditionUnknown, v1alpha1.ReasonNoPods,
		},
		"no pcntl": {
			func(in *Input) {
				in.Pods[0].Report.Runtime = &protocol.RuntimeFacts{GracefulStopReason: v1alpha1.ReasonNoPcntl}
			}, v1alpha1.ConditionGracefulStop, metav1.ConditionFalse, v1alpha1.ReasonNoPcntl,
		},
		"shell wrapper": {
			func(in *Input) {
				in.Pods[0].Report.Runtime = &protocol.RuntimeFacts{GracefulStopReason: v1alpha1.ReasonShellWrapper}
			}, v1alpha1.ConditionGracefulStop, metav1.ConditionFalse, v1alpha1.ReasonShellWrapper,
		},
		"grace below timeout": {
			func(in *Input) {
				in.Findings = []effective.Problem{{Reason: v1alpha1.ReasonGraceBelowTimeout, Message: "Raise it."}}
			}, v1alpha1.ConditionGracefulStop, metav1.ConditionFalse, v1alpha1.ReasonGraceBelowTimeout,
		},
		"not paused": {
			func(*Input) {}, v1alpha1.ConditionPaused, metav1.ConditionFalse, v1alpha1.ReasonNotPaused,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := pool(2)
			tc.change(&in)
			got := meta.FindStatusCondition(Compute(in).Status.Conditions, tc.condition)
			if got == nil || got.Status != tc.wantStatus || got.Reason != tc.wantReason {
				t.Errorf("%s is %+v, want %s, %s", tc.condition, got, tc.wantStatus, tc.wantReason)
			}
		})
	}
}

// TestNotPermittedIsThereWhileThereIsSomethingToTell: with its reason, and with a new
// transition time if the reason changes.
func TestNotPermittedIsThereWhileThereIsSomethingToTell(t *testing.T) {
	in := pool(1)
	for i, told := range []*effective.Problem{
		nil, {Reason: v1alpha1.ReasonFromBefore, Message: "Move it."}, {Reason: v1alpha1.ReasonNotPermitted, Message: "Remove it."}, nil,
	} {
		in.Now, in.NotPermitted = noon.Add(time.Duration(i)*time.Minute), told
		in.Worker.Status = Compute(in).Status
		got := meta.FindStatusCondition(in.Worker.Status.Conditions, v1alpha1.ConditionNotPermitted)
		switch {
		case told == nil && got != nil:
			t.Errorf("step %d: it is there: %+v", i, got)
		case told != nil && (got == nil || got.Status != metav1.ConditionTrue || got.Reason != told.Reason || got.Message != told.Message || !got.LastTransitionTime.Time.Equal(in.Now)):
			t.Errorf("step %d: it is %+v, want %+v", i, got, told)
		}
	}
}
