// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/scaling"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/test/builders"
)

// noon is the present time of these tests.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// poolOf returns an observation of a healthy pool with a number of processes.
func poolOf(name string, processes int32) *World {
	worker := builders.QueueWorker("shop", name).Obj()
	worker.Spec.Processes = &processes
	return &World{Now: noon, Worker: worker, App: &v1alpha1.QueueApp{}}
}

// autoscaled makes the pool follow a backlog of ready jobs.
func (w *World) autoscaled(lowest, highest int32, ready int64) *World {
	w.Worker.Spec.Autoscaling = &v1alpha1.Autoscaling{MinProcesses: &lowest, MaxProcesses: highest}
	w.Backlog = telemetry.BacklogReport{MeasuredAt: w.Now, Queues: []protocol.QueueDepth{{Queue: "default", Ready: ready}}}
	return w
}

func TestScalingInput(t *testing.T) {
	o := poolOf("a", 1).autoscaled(0, 9, 10)
	got := scalingInput(o)
	want := scaling.Spec{Max: 9, TargetWait: time.Minute, Timeout: time.Minute, ScaleDownWindow: 2 * time.Minute, ProcessesPerPod: 1}
	if diff := cmp.Diff(want, got.Spec); diff != "" {
		t.Errorf("a spec without defaults (-want +got):\n%s", diff)
	}
	auto := o.Worker.Spec.Autoscaling
	auto.MinProcesses = nil
	auto.TargetWait, auto.ExpectedJobTime = &metav1.Duration{Duration: time.Hour}, &metav1.Duration{Duration: time.Millisecond}
	auto.ScaleDown = &v1alpha1.ScaleDown{Window: &metav1.Duration{}, Step: 3}
	o.Worker.Spec.Rest, o.Worker.Spec.Timeout = &metav1.Duration{Duration: time.Second}, &metav1.Duration{}
	o.Worker.Spec.ProcessesPerPod = 4
	want = scaling.Spec{Min: 1, Max: 9, TargetWait: time.Hour, ExpectedJob: time.Millisecond, Rest: time.Second, ScaleDownStep: 3, ProcessesPerPod: 4}
	if diff := cmp.Diff(want, scalingInput(o).Spec); diff != "" {
		t.Errorf("a spec that says all (-want +got):\n%s", diff)
	}
}

func TestScalingBacklog(t *testing.T) {
	depth := func(ready int64, oldest *float64) protocol.QueueDepth {
		return protocol.QueueDepth{Ready: ready, OldestSeconds: oldest}
	}
	tests := map[string]struct {
		queues []protocol.QueueDepth
		ready  int64
		oldest *time.Duration
	}{
		"one queue":                  {[]protocol.QueueDepth{depth(3, new(7.5))}, 3, new(7500 * time.Millisecond)},
		"the oldest of two":          {[]protocol.QueueDepth{depth(3, new(7.0)), depth(1, new(9.0))}, 4, new(9 * time.Second)},
		"one of two does not tell":   {[]protocol.QueueDepth{depth(3, new(7.0)), depth(1, nil)}, 4, nil},
		"neither tells":              {[]protocol.QueueDepth{depth(3, nil), depth(1, nil)}, 4, nil},
		"an empty one need not tell": {[]protocol.QueueDepth{depth(3, new(7.0)), depth(0, nil)}, 3, new(7 * time.Second)},
		"an empty one is not old":    {[]protocol.QueueDepth{depth(3, new(7.0)), depth(0, new(99.0))}, 3, new(7 * time.Second)},
		"nothing waits":              {[]protocol.QueueDepth{depth(0, nil)}, 0, new(time.Duration(0))},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := scalingBacklog(&World{Backlog: telemetry.BacklogReport{MeasuredAt: noon, Queues: tc.queues}})
			if got == nil || got.Ready != tc.ready || !cmp.Equal(got.Oldest, tc.oldest) {
				t.Errorf("scalingBacklog() = %+v, want %d ready, oldest %v", got, tc.ready, tc.oldest)
			}
		})
	}
	due := scalingBacklog(&World{Backlog: telemetry.BacklogReport{MeasuredAt: noon, Queues: []protocol.QueueDepth{
		{NextDueSeconds: new(30.0), Delayed: 1, DueSoon: 1}, {}, {NextDueSeconds: new(4.0), Delayed: 2, Reserved: 3},
	}}})
	if *due.NextDue != 4*time.Second || due.Delayed != 3 || due.DueSoon != 1 || due.Reserved != 3 {
		t.Errorf("scalingBacklog() = %+v", due)
	}
	for name, report := range map[string]telemetry.BacklogReport{
		"never measured": {}, "unreadable": {MeasuredAt: noon, Reason: protocol.BacklogDenied},
	} {
		if got := scalingBacklog(&World{Backlog: report}); got != nil {
			t.Errorf("%s: scalingBacklog() = %+v, want none", name, got)
		}
	}
}

func TestRememberedReadsBackWhatIsTold(t *testing.T) {
	tests := map[string]struct {
		last *v1alpha1.AutoscalingStatus
		want scaling.Remembered
	}{
		"nothing":          {nil, scaling.Remembered{}},
		"figures":          {&v1alpha1.AutoscalingStatus{ServiceTime: "0.92s", ArrivalRate: "3.1"}, scaling.Remembered{ServiceTime: 920 * time.Millisecond, ArrivalRate: 3.1}},
		"long jobs":        {&v1alpha1.AutoscalingStatus{ServiceTime: "2m5s", ArrivalRate: "0.001"}, scaling.Remembered{ServiceTime: 125 * time.Second, ArrivalRate: 0.001}},
		"written by hand":  {&v1alpha1.AutoscalingStatus{ServiceTime: "soon", ArrivalRate: "many"}, scaling.Remembered{}},
		"no figures known": {&v1alpha1.AutoscalingStatus{ArrivalRate: "0"}, scaling.Remembered{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, remembered(tc.last)); diff != "" {
				t.Errorf("remembered() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBusyAndReadable(t *testing.T) {
	o := poolOf("a", 3).autoscaled(0, 9, 0)
	for i, status := range []*protocol.Status{
		{Phase: protocol.PhaseRunning, Workers: []protocol.Worker{{Job: &protocol.Job{AgeSeconds: 10}}, {Job: &protocol.Job{AgeSeconds: 20}}}},
		{Phase: protocol.PhaseRunning, Workers: []protocol.Worker{{Job: &protocol.Job{AgeSeconds: 5}}, {}}},
	} {
		pod := builders.Pod(fmt.Sprint(i), noon.Add(-time.Hour))
		o.add(pod, telemetry.PodReport{Status: status, PulledAt: noon.Add(-time.Second)})
	}
	if n, together := busy(o, nil); n != 3 || together != 38*time.Second {
		t.Errorf("busy() = %d, %s, want 3 for 38 s", n, together)
	}
	// A backend that counts reserved jobs knows better, and the youngest jobs count.
	o.App.Spec.Connection = &v1alpha1.Connection{Driver: v1alpha1.DriverRedis}
	if n, together := busy(o, &scaling.Backlog{Reserved: 1}); n != 1 || together != 6*time.Second {
		t.Errorf("busy() = %d, %s, want 1 for 6 s", n, together)
	}
	o.App.Spec.Connection.Driver = v1alpha1.DriverHTTP
	if n, _ := busy(o, &scaling.Backlog{}); n != 3 {
		t.Errorf("busy() = %d, want 3: an endpoint need not count reserved jobs", n)
	}
	if !agentsReadable(o) {
		t.Error("agents that answer are not readable")
	}
	o.Pods[1].Report = telemetry.PodReport{Unreachable: true}
	if agentsReadable(o) {
		t.Error("an agent that is silent is readable")
	}
	o.Pods[1].Report = telemetry.PodReport{}
	if agentsReadable(o) {
		t.Error("an agent that was ready and has not been heard of is readable")
	}
	o.Pods[1].Status.Conditions = nil
	if !agentsReadable(o) {
		t.Error("a pod that starts makes the others unreadable")
	}
	o.Pods[0].Status.Phase, o.Pods[1].DeletionTimestamp = corev1.PodFailed, new(metav1.NewTime(noon))
	if n, _ := busy(o, nil); n != 0 {
		t.Errorf("busy() = %d, want none of pods that go", n)
	}
}

// add adds a pod and the report of its agent.
func (w *World) add(pod *corev1.Pod, report telemetry.PodReport) {
	w.Pods = append(w.Pods, NewPod(pod, report, PodWrite{}))
}

// unheard removes what the agents reported.
func (w *World) unheard() {
	for _, pod := range w.Pods {
		pod.Report = telemetry.PodReport{}
	}
}
