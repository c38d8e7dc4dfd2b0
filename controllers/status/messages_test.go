// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/drain"
	"queueworker.dev/queueworker/controllers/scaling"
)

// says checks the status, the reason and the whole message of a condition.
func says(t *testing.T, in Input, conditionType string, is metav1.ConditionStatus, reason, message string) {
	t.Helper()
	got := meta.FindStatusCondition(Compute(in).Status.Conditions, conditionType)
	if got == nil || got.Status != is || got.Reason != reason || got.Message != message {
		t.Errorf("%s is %+v, want %s, %s: %s", conditionType, got, is, reason, message)
	}
}

// exchanged turns a pool into one whose pods are replaced, and that was ready before.
func exchanged(in *Input, replicas, unavailable int32) {
	in.Worker.Spec.Recycle, in.Worker.Spec.MaxUnavailable = v1alpha1.RecyclePod, unavailable
	in.Worker.Status = Compute(*in).Status
	in.Deployment.Status.Replicas = replicas
}

// TestReadyCountsPods: what Ready says while a Deployment moves, at its boundaries.
func TestReadyCountsPods(t *testing.T) {
	const settled = "3 process(es) run in 3 pod(s)."
	deployment := func(change func(*appsv1.DeploymentStatus)) func(*Input) {
		return func(in *Input) { change(&in.Deployment.Status) }
	}
	tests := map[string]struct {
		change func(*Input)
		want   string
	}{
		"settled":               {func(*Input) {}, settled},
		"not observed":          {deployment(func(s *appsv1.DeploymentStatus) { s.ObservedGeneration-- }), "The Deployment has changed, and its pods are being replaced."},
		"one is not updated":    {deployment(func(s *appsv1.DeploymentStatus) { s.UpdatedReplicas-- }), "2 of 3 pods have the newest template."},
		"one is old":            {deployment(func(s *appsv1.DeploymentStatus) { s.Replicas++ }), "1 old pod(s) are being removed."},
		"one is not available":  {deployment(func(s *appsv1.DeploymentStatus) { s.AvailableReplicas-- }), "2 of 3 pods are ready."},
		"none is available":     {deployment(func(s *appsv1.DeploymentStatus) { s.AvailableReplicas = 0 }), "0 of 3 pods are ready."},
		"shrinking":             {func(in *Input) { in.Removal = drain.Plan{Reason: drain.AwaitingRemoval, Message: "Removing 1 pod."} }, "Removing 1 pod."},
		"growing is no removal": {func(in *Input) { in.Removal = drain.Plan{Reason: drain.ScaledUp, Message: "Adding 1 pod."} }, settled},
		"one more in exchange":  {func(in *Input) { exchanged(in, 4, 0) }, settled},
		"two more in exchange":  {func(in *Input) { exchanged(in, 5, 0) }, "2 old pod(s) are being removed."},
		"as many as is allowed": {func(in *Input) { exchanged(in, 5, 2) }, settled},
		"more than is allowed":  {func(in *Input) { exchanged(in, 6, 2) }, "3 old pod(s) are being removed."},
		"an exchange of two":    {func(in *Input) { exchanged(in, 4, 0); in.Deployment.Status.AvailableReplicas = 2 }, "1 old pod(s) are being removed."},
		"a new spec meanwhile":  {func(in *Input) { exchanged(in, 4, 0); in.Worker.Generation++ }, "1 old pod(s) are being removed."},
		"it was not ready":      {func(in *Input) { exchanged(in, 4, 0); in.Worker.Status.Conditions = nil }, "1 old pod(s) are being removed."},
		"a pod is paused alone": {func(in *Input) {
			in.Pods[1].Annotations = map[string]string{v1alpha1.AnnotationPaused: v1alpha1.AnnotationTrue}
		}, settled + " 1 of the pods are paused by their own annotation " + v1alpha1.AnnotationPaused + "."},
		"two are still paused": {func(in *Input) {
			in.Pods[0].Report.Phase, in.Pods[2].Report.Phase = protocol.PhasePaused, protocol.PhasePaused
		}, "Resuming: 2 of 3 pods are still paused."},
		"one works while paused": {func(in *Input) {
			in.Worker.Spec.Paused, in.Revision = true, 5
			in.Pods[0] = in.Pods[0].worker(protocol.WorkerRetiring, &protocol.Job{})
			in.Pods[0].Report.ControlRevision = 5
		}, "Pausing: 1 process(es) finish their jobs; 1 of 3 pods have received the pause."},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := pool(3)
			tc.change(&in)
			ready := meta.FindStatusCondition(Compute(in).Status.Conditions, v1alpha1.ConditionReady)
			if ready.Message != tc.want || (ready.Status == metav1.ConditionTrue) != strings.HasPrefix(tc.want, settled) {
				t.Errorf("Ready is %+v, want %q", ready, tc.want)
			}
		})
	}
}

func TestAgentsReportingCountsRunningPods(t *testing.T) {
	in := pool(4)
	in.Pods[0].DeletionTimestamp, in.Pods[0].Unreachable = new(metav1.NewTime(noon)), true
	in.Pods[1] = in.Pods[1].waiting("ContainerCreating", "")
	in.Pods[1].Unreachable = true
	says(t, in, v1alpha1.ConditionAgentsReporting, metav1.ConditionTrue, v1alpha1.ReasonReporting, "Every running pod answers the operator.")
	in.Pods[3].Unreachable, in.Pods[3].Error = true, "connection refused"
	says(t, in, v1alpha1.ConditionAgentsReporting, metav1.ConditionFalse, v1alpha1.ReasonUnreachable,
		"1 of 2 running pods do not answer the operator, first emails-3: connection refused. Check that network policies let the operator reach port 9799 of the pods (9797 of pods with an older agent).")
	in.Pods = in.Pods[:2]
	says(t, in, v1alpha1.ConditionAgentsReporting, metav1.ConditionUnknown, v1alpha1.ReasonNoPods, "No pod runs that could report.")
}

func TestPausedUntilItsTime(t *testing.T) {
	in := pool(1)
	in.Pods[0] = in.Pods[0].worker(protocol.WorkerPaused, nil)
	in.Worker.Spec.PausedUntil = new(metav1.NewTime(noon.Add(time.Second)))
	says(t, in, v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPausedUntil, "No worker takes jobs, because spec.pausedUntil is 2026-11-23T12:00:01Z.")
	says(t, in, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonPausedUntil, "The pods stay and take no jobs, because spec.pausedUntil is 2026-11-23T12:00:01Z.")
	in.Pods[0] = in.Pods[0].worker(protocol.WorkerRetiring, &protocol.Job{})
	says(t, in, v1alpha1.ConditionPaused, metav1.ConditionFalse, v1alpha1.ReasonPausing, "The workers finish their current jobs, because spec.pausedUntil is 2026-11-23T12:00:01Z.")
	in.Now = noon.Add(time.Second)
	says(t, in, v1alpha1.ConditionPaused, metav1.ConditionFalse, v1alpha1.ReasonNotPaused, "The workers take jobs.")
	empty := pool(0)
	says(t, empty, v1alpha1.ConditionPaused, metav1.ConditionFalse, v1alpha1.ReasonNotPaused, "The pool has no processes, and is not paused.")
	empty.Worker.Spec.Paused = true
	says(t, empty, v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPaused, "No worker takes jobs, because spec.paused is true.")
}

// TestWhyAPodCannotStart: each way in which the kubelet and the scheduler say so.
func TestWhyAPodCannotStart(t *testing.T) {
	const where = "container worker of pod a"
	last := func(terminated *corev1.ContainerStateTerminated) func(*corev1.Pod) {
		return func(p *corev1.Pod) { p.Status.ContainerStatuses[0].LastTerminationState.Terminated = terminated }
	}
	tests := map[string]struct {
		waiting, message string
		change           func(*corev1.Pod)
		reason, want     string
	}{
		"starting":        {waiting: "ContainerCreating"},
		"no image name":   {"InvalidImageName", "bad", nil, v1alpha1.ReasonImagePull, "The image shop:1 of " + where + " cannot be pulled: bad."},
		"no pull policy":  {"ErrImageNeverPull", "", nil, v1alpha1.ReasonImagePull, "The image shop:1 of " + where + " cannot be pulled: no reason was given."},
		"no registry":     {"RegistryUnavailable", "down.", nil, v1alpha1.ReasonImagePull, "The image shop:1 of " + where + " cannot be pulled: down."},
		"no executable":   {"RunContainerError", "exec failed", nil, v1alpha1.ReasonPodFailed, "The " + where + " cannot be created: exec failed."},
		"not created":     {"CreateContainerError", "no mount", nil, v1alpha1.ReasonPodFailed, "The " + where + " cannot be created: no mount."},
		"root":            {"CreateContainerError", "runAsNonRoot", nil, v1alpha1.ReasonRunsAsRoot, "The image shop:1 of " + where + " runs as root, which its security context forbids: build it with another USER, or set runAsUser in the template."},
		"ends, unknown":   {"CrashLoopBackOff", "", nil, v1alpha1.ReasonPodFailed, "The " + where + " ends again and again, and the kubelet waits before each new start (CrashLoopBackOff): see its log."},
		"ends with words": {"CrashLoopBackOff", "", last(&corev1.ContainerStateTerminated{Message: "no key", ExitCode: 3}), v1alpha1.ReasonPodFailed, "The " + where + " ends again and again, and the kubelet waits before each new start (CrashLoopBackOff): no key."},
		"ends with code":  {"CrashLoopBackOff", "", last(&corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 3}), v1alpha1.ReasonPodFailed, "The " + where + " ends again and again, and the kubelet waits before each new start (CrashLoopBackOff): Error, exit code 3; see its log."},
		"no node": {"ContainerCreating", "", func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/3 nodes fit"}}
		}, v1alpha1.ReasonUnschedulable, "Pod a cannot be placed on a node: 0/3 nodes fit."},
		"gated": {"ContainerCreating", "", func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonSchedulingGated}}
		}, "", ""},
		"an init container first": {"ErrImagePull", "later", func(p *corev1.Pod) {
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "agent", Image: "agent:1", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "gone"}}}}
		}, v1alpha1.ReasonImagePull, "The image agent:1 of container agent of pod a cannot be pulled: gone."},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := pod("a").waiting(tc.waiting, tc.message)
			if tc.change != nil {
				tc.change(p.Pod)
			}
			got := effective.Problem{}
			if found := StartProblem(p.Pod); found != nil {
				got = *found
			}
			if got.Reason != tc.reason || got.Message != tc.want {
				t.Errorf("StartProblem() = %+v, want %s: %s", got, tc.reason, tc.want)
			}
		})
	}
}

// TestCrashesOfEveryProcess: only if every process has crashed, and with the newest end.
func TestCrashesOfEveryProcess(t *testing.T) {
	in := pool(2)
	in.Pods[0], in.Pods[1] = in.Pods[0].crashed(protocol.ExitCrashed, "older"), in.Pods[1].crashed(protocol.ExitOOMKilled, "newer")
	in.Pods[0].Report.Workers[0].LastExit.AgeSeconds, in.Pods[1].Report.Workers[0].LastExit.AgeSeconds = 9, 8
	says(t, in, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonWorkersCrashing, "Every worker process crashes (last OOMKilled, exit code 1): newer.")
	in.Pods[1].Report.Workers[0].LastExit = nil
	says(t, in, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonWorkersCrashing, "Every worker process crashes (last Crashed, exit code 1): older.")
	in.Pods[0].Report.Workers[0].LastExit = nil
	says(t, in, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonWorkersCrashing, "Every worker process crashes; see the pods' logs.")
	in.Pods[0].Report.Workers[0].State = protocol.WorkerStarting
	says(t, in, v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAsWanted, "2 process(es) run in 2 pod(s).")
}

// TestTimeoutChainHasAnOrder: in each combination of times, the condition is true exactly
// if a job's timeout, also its own, is the shortest of them.
func TestTimeoutChainHasAnOrder(t *testing.T) {
	const most = 4
	each := func(see func(timeout, retry, grace, own time.Duration)) {
		for n := range (most + 1) * (most + 1) * (most + 1) * (most + 1) {
			digit := func() time.Duration { d := n % (most + 1); n /= most + 1; return time.Duration(d) * time.Second }
			see(digit(), digit(), digit(), digit())
		}
	}
	each(func(timeout, retry, grace, own time.Duration) {
		in := pool(1)
		in.Times = Times{Timeout: timeout, RetryAfter: retry, Grace: grace}
		in.Backlog = measured(protocol.QueueDepth{Queue: "emails", MaxTimeoutSeconds: new(int64(own / time.Second))})
		got, present := timeoutCondition(in)
		longest := max(timeout, own)
		want, number := v1alpha1.ReasonInOrder, ""
		switch {
		case timeout == 0:
			want = v1alpha1.ReasonNoTimeout
		case retry > 0 && longest >= retry:
			want, number = v1alpha1.ReasonRetryAfterBelowTimeout, "after "+retry.String()+" (retryAfter)"
		case longest >= grace:
			want, number = v1alpha1.ReasonGraceBelowTimeout, "is killed after "+grace.String()
		}
		switch {
		case present != (grace > 0):
			t.Errorf("with a grace period of %s it is there: %t", grace, present)
		case present && (got.reason != want || (got.is == metav1.ConditionTrue) != (want == v1alpha1.ReasonInOrder) || !strings.Contains(got.message, number)):
			t.Errorf("%+v, own timeout %s: it is %+v, want %s with %q", in.Times, own, got, want, number)
		}
	})
}

func TestGracefulStopOfPodsThatStay(t *testing.T) {
	in := pool(3)
	in.Findings = []effective.Problem{{Reason: v1alpha1.ReasonNoTimeout, Message: "No timeout."}, {Reason: v1alpha1.ReasonGraceBelowTimeout, Message: "Too short."}}
	in.Pods[0].Report.Runtime.GracefulStop, in.Pods[0].DeletionTimestamp = false, new(metav1.NewTime(noon))
	in.Pods[1].Report.Runtime = nil
	says(t, in, v1alpha1.ConditionGracefulStop, metav1.ConditionFalse, v1alpha1.ReasonGraceBelowTimeout, "Too short.")
	in.Findings = in.Findings[:1]
	says(t, in, v1alpha1.ConditionGracefulStop, metav1.ConditionFalse, v1alpha1.ReasonNoTimeout, "No timeout.")
	in.Findings = nil
	says(t, in, v1alpha1.ConditionGracefulStop, metav1.ConditionTrue, v1alpha1.ReasonGraceful, "A worker that is stopped finishes its job first.")
}

// TestProbeHasTimeToStart: at the boundary, and only while it has never measured.
func TestProbeHasTimeToStart(t *testing.T) {
	in := scaled(1, scaling.ReasonBacklogUnknown)
	in.Backlog = Backlog{Measured: true, Reason: protocol.BacklogUnreachable, Message: "no route", FailingSince: noon.Add(1 - probeStartTime)}
	says(t, in, v1alpha1.ConditionBacklogKnown, metav1.ConditionUnknown, v1alpha1.ReasonProgressing, "no route.")
	if got := Compute(in).Recheck; got != 1 {
		t.Errorf("looks again after %s, want 1ns", got)
	}
	in.Now = noon.Add(1)
	says(t, in, v1alpha1.ConditionBacklogKnown, metav1.ConditionFalse, "Unreachable", "no route.")
	if got := Compute(in).Recheck; got != 0 {
		t.Errorf("looks again after %s, want never", got)
	}
	in.AppName = ""
	says(t, in, v1alpha1.ConditionBacklogKnown, metav1.ConditionFalse, v1alpha1.ReasonAppNotFound, "There is no QueueApp that says where the queues are; see the condition Ready.")
}

// TestLimits: only a limit that keeps jobs waiting is a limit, and the shared cap counts
// more than the pool's own maximum.
func TestLimits(t *testing.T) {
	for _, limit := range []scaling.Limit{scaling.LimitNone, scaling.LimitMinimum, scaling.LimitJobs, scaling.LimitWindow, scaling.LimitStep} {
		in := scaled(2, scaling.ReasonDemand)
		in.Scaling.LimitedBy = limit
		says(t, in, v1alpha1.ConditionScalingLimited, metav1.ConditionFalse, v1alpha1.ReasonNotLimited, "The pool has the size it asks for.")
	}
	in := scaled(2, scaling.ReasonDemand)
	in.Scaling.LimitedBy = scaling.LimitMaximum
	says(t, limited(in), v1alpha1.ConditionScalingLimited, metav1.ConditionTrue, v1alpha1.ReasonSharedCap, "The cap is 3.")
	for reason, active := range map[scaling.Reason]bool{
		scaling.ReasonDemand: true, scaling.ReasonDelayedJobs: true, scaling.ReasonNothingToDo: true, scaling.ReasonScaleDownPending: true,
		scaling.ReasonPaused: false, scaling.ReasonStopped: false, scaling.ReasonBacklogUnknown: false, scaling.ReasonAgentsUnreadable: false,
	} {
		got := meta.FindStatusCondition(Compute(scaled(2, reason)).Status.Conditions, v1alpha1.ConditionScalingActive)
		if (got.Status == metav1.ConditionTrue) != active || got.Message == "" {
			t.Errorf("%s: ScalingActive is %+v", reason, got)
		}
	}
}

// TestStatesOfRuns: what the tables of runs do not meet.
func TestStatesOfRuns(t *testing.T) {
	tests := map[string]struct {
		in      Input
		change  func(*Input)
		state   v1alpha1.State
		message string
	}{
		"every process crashes": {running(), func(in *Input) {
			for i := range in.Pods {
				in.Pods[i] = in.Pods[i].crashed(protocol.ExitCrashed, "boom")
			}
		}, v1alpha1.StateFailing, "Every worker process crashes (last Crashed, exit code 1): boom."},
		"an obstacle":          {running(), func(in *Input) { in.Conflict = "It is theirs." }, v1alpha1.StateFailing, "It is theirs."},
		"one crashes":          {running(), func(in *Input) { in.Pods[0] = in.Pods[0].crashed(protocol.ExitCrashed, "boom") }, v1alpha1.StateActive, "The run emails-run-1: 1 of 2 processes are ready."},
		"an old Deployment":    {running(), func(in *Input) { in.Deployment = owned(in) }, v1alpha1.StateActive, "The pods of the mode Continuous finish their jobs and are removed."},
		"obstacle in between":  {rested(v1alpha1.RunComplete), func(in *Input) { in.Conflict = "It is theirs." }, v1alpha1.StateFailing, "It is theirs."},
		"a pod still goes":     {rested(v1alpha1.RunComplete), func(in *Input) { in.Pods = []Pod{pod("a")}; in.Pods[0].DeletionTimestamp = new(metav1.NewTime(noon)) }, v1alpha1.StateDraining, "The run emails-run-1 ended with its queues empty after 1h0m0s: 5 job(s) processed, 0 failed."},
		"no run yet":           {rested(v1alpha1.RunComplete), func(in *Input) { in.Runs.Status.Runs = nil }, v1alpha1.StateIdle, "No run has begun yet."},
		"failed and scheduled": {rested(v1alpha1.RunFailed), func(in *Input) { in.Runs.Status.NextScheduleTime = new(metav1.NewTime(noon)) }, v1alpha1.StateFailing, failedMessage(&rested(v1alpha1.RunFailed).Runs.Status.Runs[0]) + " The next run begins at 2026-11-23T12:00:00Z."},
		"paused by failures": {running(), func(in *Input) {
			in.Worker.Spec.OnFailing = v1alpha1.OnFailingPause
			in.Worker.Status.OnFailing = &v1alpha1.FailurePause{Paused: true, Cause: "9 of 9 jobs failed."}
			for i := range in.Pods {
				in.Pods[i].Report.Phase, in.Pods[i].Report.Workers[0].State = protocol.PhasePaused, protocol.WorkerPaused
			}
		}, v1alpha1.StatePaused, "The run emails-run-1 is paused: its pods stay and take no jobs, because its jobs fail and spec.onFailing is Pause: 9 of 9 jobs failed. Fix the cause, then resume: kubectl annotate queueworker emails " + v1alpha1.AnnotationResumedAt + "=$(date +%s) --overwrite"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			tc.change(&tc.in)
			got := Compute(tc.in).Status
			if ready := meta.FindStatusCondition(got.Conditions, v1alpha1.ConditionReady); got.State != tc.state || ready.Message != tc.message {
				t.Errorf("state %s, %q, want %s, %q", got.State, ready.Message, tc.state, tc.message)
			}
		})
	}
	failed := rested(v1alpha1.RunFailed)
	failed.Worker.Status = running().Worker.Status
	after := Compute(failed).Status
	for _, event := range Changes(failed, &after) {
		if event.Reason == v1alpha1.EventRunEnded && event.Type != corev1.EventTypeWarning {
			t.Errorf("the end of a failed run is %+v", event)
		}
	}
}

// owned returns a Deployment that belongs to the pool.
func owned(in *Input) *appsv1.Deployment {
	in.Worker.UID = "pool"
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{UID: "pool", Controller: new(true)}}}}
}

// TestSentences: a text from elsewhere becomes the short end of a sentence, in valid UTF-8.
func TestSentences(t *testing.T) {
	for text, want := range map[string]string{
		"": "no reason was given.", " \n": "no reason was given.", "refused": "refused.", " refused. ": "refused.", ".": ".",
		strings.Repeat("x", 599) + ".": strings.Repeat("x", 599) + ".",
		strings.Repeat("x", 601):       strings.Repeat("x", 600) + " ...",
		strings.Repeat("x", 599) + "漢": strings.Repeat("x", 599) + " ...",
	} {
		if got := sentence(text); got != want {
			t.Errorf("sentence(%q) = %q", text, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 700, 900).Draw(t, "text")
		got := sentence(text)
		if !utf8.ValidString(got) || len(got) > 604 || !strings.HasSuffix(got, ".") {
			t.Fatalf("sentence(%q) = %q", text, got)
		}
		if len(got) <= 600 && sentence(got) != got {
			t.Fatalf("again it is %q", sentence(got))
		}
	})
}
