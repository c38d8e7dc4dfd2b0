// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/alerts"
	"queueworker.dev/queueworker/controllers/batch"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/scaling"
	"queueworker.dev/queueworker/controllers/status"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/test/builders"
)

// reporting adds a pod whose agent reported a second ago.
func (w *World) reporting(name string, report *protocol.Status) *Pod {
	w.add(builders.Pod(name, noon.Add(-time.Hour)), telemetry.PodReport{Status: report, PulledAt: noon.Add(-time.Second)})
	return w.Pods[len(w.Pods)-1]
}

// TestWhichEndsAreAlarming: crashes and failure after failure, and no end that was meant
// or has a name of its own.
func TestWhichEndsAreAlarming(t *testing.T) {
	crash, exceptions := "crash", "exceptions"
	for reason, want := range map[protocol.ExitReason]string{
		protocol.ExitCrashed: crash, protocol.ExitOOMKilled: crash, protocol.ExitKilled: crash, protocol.ExitConfigError: crash, protocol.ExitCommandNotFound: crash,
		protocol.ExitMaxExceptions: exceptions,
		protocol.ExitMaxJobs:       "", protocol.ExitMaxTime: "", protocol.ExitMemory: "", protocol.ExitJobTimeout: "", protocol.ExitRestartRequested: "",
		protocol.ExitPaused: "", protocol.ExitDrained: "", protocol.ExitFinished: "", protocol.ExitGraceExceeded: "", protocol.ExitKilledOnRequest: "",
	} {
		w := poolOf("a", 1)
		w.reporting("a", &protocol.Status{RecentExits: []protocol.Exit{{Sequence: 4, Slot: 2, Reason: reason, Message: "so", AgeSeconds: 9}}})
		ends := alertsInput(w).Ends
		expected := []alerts.End{{ID: "uid-a/4", Process: "a/2", MaxExceptions: want == exceptions, Message: "so", At: noon.Add(-10 * time.Second)}}
		if want == "" {
			expected = nil
		}
		if diff := cmp.Diff(expected, ends); diff != "" {
			t.Errorf("%s (-want +got):\n%s", reason, diff)
		}
	}
}

// TestEndsOfContainers: the last end of a whole container, which no agent can report.
func TestEndsOfContainers(t *testing.T) {
	for name, tc := range map[string]struct {
		last *corev1.ContainerStateTerminated
		want string
	}{
		"none": {}, "as wanted": {last: &corev1.ContainerStateTerminated{Reason: "Completed"}},
		"killed":  {&corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}, "Its container ended with exit code 137 (OOMKilled), and the agent ended with it."},
		"unknown": {&corev1.ContainerStateTerminated{ExitCode: 2}, "Its container ended with exit code 2 (no reason given), and the agent ended with it."},
	} {
		w := poolOf("a", 1)
		container := &w.reporting("a", nil).Status.ContainerStatuses[0]
		container.RestartCount, container.LastTerminationState.Terminated = 3, tc.last
		ends := alertsInput(w).Ends
		if len(ends) != min(len(tc.want), 1) || len(ends) == 1 && (ends[0].Message != tc.want || ends[0].ID != "uid-a/container/3" || ends[0].Process != "a") {
			t.Errorf("%s: the ends are %+v, want %q", name, ends, tc.want)
		}
	}
}

// TestWhoseJobsAreJudged: the processes of pods that stay and answer, and the failures of
// every pod that has reported.
func TestWhoseJobsAreJudged(t *testing.T) {
	w := poolOf("a", 1)
	w.Worker.Status.Conditions = []metav1.Condition{
		{Type: v1alpha1.ConditionMemoryHigh, Reason: v1alpha1.ReasonAboveThreshold, Message: "High."}, {Type: v1alpha1.ConditionReady},
	}
	report := &protocol.Status{
		Workers:        []protocol.Worker{{Slot: 1, PID: 7, MemoryBytes: 9, Job: &protocol.Job{Class: "Send", AgeSeconds: 5}}, {Slot: 2, PID: 8}},
		RecentFailures: []protocol.Failure{{Slot: 1, Class: "Send", Exception: "boom", AgeSeconds: 3}},
	}
	w.reporting("stays", report)
	w.reporting("goes", report).DeletionTimestamp = new(metav1.NewTime(noon))
	w.reporting("silent", report).Report.Unreachable = true
	w.reporting("new", nil)
	in := alertsInput(w)
	if diff := cmp.Diff([]alerts.Process{
		{Name: "stays/1", PID: 7, Memory: 9, Working: true, Class: "Send", Age: 5 * time.Second}, {Name: "stays/2", PID: 8},
	}, in.Processes); diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
	failure := func(pod string) alerts.Failure {
		return alerts.Failure{Process: pod + "/1", Class: "Send", Exception: "boom", At: noon.Add(-4 * time.Second)}
	}
	if diff := cmp.Diff([]alerts.Failure{failure("stays"), failure("goes"), failure("silent")}, in.Failures); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]alerts.Alert{{Type: v1alpha1.ConditionMemoryHigh, Reason: v1alpha1.ReasonAboveThreshold, Message: "High."}}, in.Was); diff != "" {
		t.Errorf("the alerts so far (-want +got):\n%s", diff)
	}
}

// TestWhichProcessesMayBeStuck: those of pods that are meant to take jobs, if it is known
// that jobs wait, and workers say when they begin one.
func TestWhichProcessesMayBeStuck(t *testing.T) {
	tests := map[string]struct {
		change func(*World)
		want   string
	}{
		"all":                {func(*World) {}, "a/1 true"},
		"busy":               {func(w *World) { w.Pods[0].Report.Status.Workers[0].State = protocol.WorkerBusy }, "a/1 false"},
		"backlog is unknown": {func(w *World) { w.Backlog.Reason = protocol.BacklogDenied }, ""},
		"paused":             {func(w *World) { w.Worker.Spec.Paused = true }, ""},
		"stopped":            {func(w *World) { w.Worker.Spec.Stopped = true }, ""},
		"says no starts":     {func(w *World) { w.App.Spec.Runtime = v1alpha1.RuntimeCustom }, ""},
		"has a pattern": {func(w *World) {
			w.App.Spec.Runtime, w.App.Spec.Patterns = v1alpha1.RuntimeCustom, &v1alpha1.Patterns{Started: "x"}
		}, "a/1 true"},
		"goes":      {func(w *World) { w.Pods[0].DeletionTimestamp = new(metav1.NewTime(noon)) }, ""},
		"silent":    {func(w *World) { w.Pods[0].Report.Unreachable = true }, ""},
		"not heard": {func(w *World) { w.unheard() }, ""},
		"cordoned":  {func(w *World) { w.Pods[0].Report.Status.Phase = protocol.PhaseCordoned }, ""},
	}
	for name, tc := range tests {
		w := poolOf("a", 1).autoscaled(0, 9, 5)
		w.App.Spec.Runtime = v1alpha1.RuntimeLaravel
		w.reporting("a", &protocol.Status{
			Phase: protocol.PhaseRunning, Counters: protocol.Counters{Released: 4}, Workers: []protocol.Worker{{Slot: 1, PID: 7, State: protocol.WorkerIdle, Processed: 2, Failed: 3}},
		})
		tc.change(w)
		in, got := stuckInput(w), ""
		for _, process := range in.Processes {
			got += fmt.Sprintf("%s/%d %t", process.Pod, process.Slot, process.Idle)
			if process.Done.PID != 7 || process.Done.Ended != 5 || process.Done.PodEnded != 4 || in.Ready != 5 {
				t.Errorf("%s: the process has done %+v, %d jobs wait", name, process.Done, in.Ready)
			}
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// TestWhichEndedPodsCount: those that are known to have been the pool's, because any user
// can make a pod with the pool's label.
func TestWhichEndedPodsCount(t *testing.T) {
	pulled, final := &protocol.Counters{Processed: 3}, &protocol.Final{Counters: protocol.Counters{Processed: 4}, Complete: true, Killed: []protocol.KilledJob{{ID: "7"}}}
	tests := map[string]struct {
		ended     telemetry.Ended
		accounted bool
		want      *status.EndedPod
	}{
		"a stranger":               {ended: telemetry.Ended{Final: final}},
		"tracked, without a word":  {ended: telemetry.Ended{Tracked: true, Started: true}, want: &status.EndedPod{Tracked: true, Started: true}},
		"its agent was asked":      {ended: telemetry.Ended{LastPulled: pulled}, want: &status.EndedPod{Counters: pulled}},
		"of an earlier operator":   {ended: telemetry.Ended{Final: final}, accounted: true, want: &status.EndedPod{Counters: &final.Counters, Complete: true, Killed: final.Killed}},
		"the final report is last": {ended: telemetry.Ended{LastPulled: pulled, Final: final}, want: &status.EndedPod{Counters: &final.Counters, Complete: true, Killed: final.Killed}},
		"of a closed run":          {ended: telemetry.Ended{OfRun: true, Tracked: true, LastPulled: pulled}},
		"of a run":                 {ended: telemetry.Ended{OfRun: true, LastPulled: pulled}, accounted: true, want: &status.EndedPod{Counters: pulled}},
	}
	for name, tc := range tests {
		w := poolOf("a", 1)
		tc.ended.UID, tc.ended.Name = "u", "p"
		w.Reports.Ended = []telemetry.Ended{tc.ended}
		if tc.accounted {
			w.Worker.Status.Accounted = []v1alpha1.AccountedPod{{UID: "u"}}
		}
		var want []status.EndedPod
		if tc.want != nil {
			tc.want.UID, tc.want.Name = "u", "p"
			want = append(want, *tc.want)
		}
		if diff := cmp.Diff(want, endedPods(w)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestTheStatusSeesWhatWasObserved: each fact reaches the status, and what is not known
// does not.
func TestTheStatusSeesWhatWasObserved(t *testing.T) {
	w := poolOf("a", 1).autoscaled(0, 9, 5)
	w.App.Name, w.App.Spec.Connection = "shop", &v1alpha1.Connection{Driver: v1alpha1.DriverRedis}
	w.reporting("a", &protocol.Status{}).Report.Error = "refused"
	d := Decision{Size: Size{Processes: 4, Grant: &scaling.Grant{}}, Objects: objects.Objects{Grace: 75 * time.Second}}
	in := StatusInput(w, d)
	if in.AppName != "shop" || in.Processes != 4 || in.Cap != d.Size.Grant || !in.Backlog.Measured || in.Backlog.Queues[0].Ready != 5 || in.PerPod != 0 || in.Runs != nil {
		t.Errorf("the input is %+v", in)
	}
	if pod := in.Pods[0]; pod.Report == nil || pod.Error != "refused" || !pod.ReportedAt.Equal(noon.Add(-time.Second)) || pod.Closing {
		t.Errorf("the pod is %+v", pod)
	}
	if want := (status.Times{Timeout: time.Minute, RetryAfter: effective.RetryAfter(w.App.Spec.Connection), Grace: 75 * time.Second}); in.Times != want || want.RetryAfter == 0 {
		t.Errorf("the times are %+v, want %+v", in.Times, want)
	}
	w.App.Spec.Connection.Driver = v1alpha1.DriverHTTP
	if got := StatusInput(w, d).Times.RetryAfter; got != 0 {
		t.Errorf("the retry_after of an endpoint is %s", got)
	}
	w.App.Spec.Connection = nil
	if got := StatusInput(w, d).Backlog; got.Measured {
		t.Errorf("without a probe the backlog is %+v", got)
	}
	w.App = nil
	if got := StatusInput(w, d); got.AppName != "" || got.Backlog.Measured || got.Times.RetryAfter != 0 {
		t.Errorf("without an app the input is %+v", got)
	}
}

// TestPodsOfRunsGiveTheirFinalReports: those that have ended, and close with their run.
func TestPodsOfRunsGiveTheirFinalReports(t *testing.T) {
	w := inBatch(v1alpha1.DriverRedis, true)
	for i, phase := range []corev1.PodPhase{corev1.PodRunning, corev1.PodSucceeded, corev1.PodFailed} {
		pod := w.reporting(fmt.Sprint("pod-", i), nil)
		pod.Status.Phase = phase
		pod.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Name: fmt.Sprint("nightly-run-", i), Controller: new(true)}}
		pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			Message: `{"version":1,"counters":{"processed":3},"complete":true}`,
		}}
	}
	in := StatusInput(w, Decision{Runs: &batch.Output{Closed: []string{"nightly-run-0", "nightly-run-2"}}})
	for i, want := range []struct{ final, closing bool }{{false, false}, {true, false}, {true, true}} {
		if pod := in.Pods[i]; (pod.Final != nil) != want.final || pod.Closing != want.closing || want.final && pod.Final.Counters.Processed != 3 {
			t.Errorf("pod %d is %+v, want %+v", i, pod, want)
		}
	}
	if in.PerPod != 3 {
		t.Errorf("a pod of the run has %d processes, want 3", in.PerPod)
	}
}

// TestOutcomesOfJobs: only a condition that is true and final ends a run.
func TestOutcomesOfJobs(t *testing.T) {
	at := metav1.NewTime(noon)
	for kind, want := range map[batchv1.JobConditionType]v1alpha1.RunOutcome{
		batchv1.JobComplete: v1alpha1.RunComplete, batchv1.JobFailed: v1alpha1.RunFailed, batchv1.JobSuspended: "", batchv1.JobFailureTarget: "", batchv1.JobSuccessCriteriaMet: "",
	} {
		for _, is := range []corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse} {
			job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "run", CreationTimestamp: at}}
			job.Status.Conditions = []batchv1.JobCondition{{Type: kind, Status: is, LastTransitionTime: at}}
			expected := batch.Run{Name: "run", Created: noon}
			if is == corev1.ConditionTrue && want != "" {
				expected.Outcome, expected.Ended = want, noon
			}
			if got := runOf(job); got != expected {
				t.Errorf("%s %s: %+v, want %+v", kind, is, got, expected)
			}
		}
	}
}

// TestWhatKeepsARunFromBeginning: the first obstacle is named.
func TestWhatKeepsARunFromBeginning(t *testing.T) {
	limited := Size{Processes: 1, Grant: &scaling.Grant{Limited: true, Message: "The cap is full."}}
	tests := map[string]struct {
		change  func(*World)
		size    Size
		problem *effective.Problem
		want    string
	}{
		"nothing":       {size: Size{Processes: 4}},
		"a problem":     {size: limited, problem: &effective.Problem{Message: "There is no app."}, want: "There is no app."},
		"no processes":  {change: func(w *World) { w.Worker.Spec.Processes = new(int32(0)) }, want: "No run begins, because spec.processes is 0."},
		"no whole pod":  {change: func(w *World) { w.Worker.Spec.ProcessesPerPod = 2 }, size: limited, want: "No run begins: The cap is full."},
		"one whole pod": {change: func(w *World) { w.Worker.Spec.ProcessesPerPod = 1 }, size: limited},
		"its Deployment": {change: func(w *World) {
			w.Deployment = &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{UID: "1", Controller: new(true)}}}}
		}, size: Size{Processes: 4}, want: "The pods of the mode Continuous finish their jobs before a run begins."},
		"another's Deployment": {change: func(w *World) { w.Deployment = &appsv1.Deployment{} }, size: Size{Processes: 4}},
	}
	for name, tc := range tests {
		w := inBatch(v1alpha1.DriverRedis, false)
		if tc.change != nil {
			tc.change(w)
		}
		if got := blocked(w, tc.size, tc.problem); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}
