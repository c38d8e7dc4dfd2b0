// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/drain"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/stuck"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/test/builders"
)

func TestDrainPod(t *testing.T) {
	const cordon = `{"revision":7,"cordoned":true}`
	pulled := noon.Add(-2 * time.Second)
	idle := protocol.Status{ControlRevision: 7, Phase: protocol.PhaseCordoned, Workers: []protocol.Worker{{State: protocol.WorkerStopped}}}
	tests := map[string]struct {
		document string
		change   func(*corev1.Pod)
		report   telemetry.PodReport
		want     drain.Pod
	}{
		"a pod that works": {
			report: telemetry.PodReport{PulledAt: pulled, Status: &protocol.Status{Phase: protocol.PhaseRunning, Workers: []protocol.Worker{
				{Job: &protocol.Job{AgeSeconds: 60}}, {}, {Job: &protocol.Job{AgeSeconds: 8}},
			}}},
			want: drain.Pod{Ready: true, Running: true, Started: true, Heard: true, LastHeard: pulled, Busy: 2, JobStarted: noon.Add(-10 * time.Second)},
		},
		"not heard of": {want: drain.Pod{Ready: true, Running: true, Started: true}},
		"told to go, and has not heard of it": {
			document: cordon,
			report:   telemetry.PodReport{PulledAt: pulled, Status: &protocol.Status{ControlRevision: 6, Phase: protocol.PhaseRunning}},
			want:     drain.Pod{Ready: true, Running: true, Started: true, Cordoned: true, Heard: true, LastHeard: pulled},
		},
		"obeys an older cordon": {
			document: `{"revision":9,"cordoned":true}`, report: telemetry.PodReport{PulledAt: pulled, Status: &idle},
			want: drain.Pod{Ready: true, Running: true, Started: true, Cordoned: true, Heard: true, LastHeard: pulled},
		},
		"obeys and has nothing left": {
			document: cordon, report: telemetry.PodReport{PulledAt: pulled, Status: &idle},
			want: drain.Pod{Ready: true, Running: true, Started: true, Cordoned: true, Heard: true, LastHeard: pulled, Obeys: true, Drained: true},
		},
		"obeys and finishes its job": {
			document: cordon,
			report: telemetry.PodReport{PulledAt: pulled, Status: &protocol.Status{ControlRevision: 8, Phase: protocol.PhaseCordoned,
				Workers: []protocol.Worker{{State: protocol.WorkerRetiring, PID: 9, Job: &protocol.Job{}}}}},
			want: drain.Pod{Ready: true, Running: true, Started: true, Cordoned: true, Heard: true, LastHeard: pulled, Obeys: true, Busy: 1, JobStarted: pulled},
		},
		"an agent that says it is cordoned and was not told so": {
			report: telemetry.PodReport{PulledAt: pulled, Status: &idle},
			want:   drain.Pod{Ready: true, Running: true, Started: true, Heard: true, LastHeard: pulled},
		},
		"never scheduled": {
			change: func(pod *corev1.Pod) {
				pod.Spec.NodeName, pod.Status = "", corev1.PodStatus{Phase: corev1.PodPending}
			},
		},
		"not ready": {
			change: func(pod *corev1.Pod) { pod.Status.Conditions[0].Status = corev1.ConditionFalse },
			want:   drain.Pod{Running: true, Started: true},
		},
		"a time that can be believed": {
			document: cordon,
			change: func(pod *corev1.Pod) {
				pod.Annotations[v1alpha1.AnnotationCordonedAt] = "2026-11-23T11:59:00Z"
				pod.Annotations[corev1.PodDeletionCost] = "-2147483648"
			},
			want: drain.Pod{Ready: true, Running: true, Started: true, Cordoned: true, CordonedAt: noon.Add(-time.Minute), DeletionCost: drain.MinimumCost},
		},
		"a time that is none": {
			document: cordon, change: func(pod *corev1.Pod) { pod.Annotations[v1alpha1.AnnotationCordonedAt] = "yesterday" },
			want: drain.Pod{Ready: true, Running: true, Started: true, Cordoned: true},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			created := noon.Add(-time.Hour)
			pod := builders.Pod("a", created)
			pod.OwnerReferences = []metav1.OwnerReference{{UID: "set", Controller: new(true)}}
			pod.Annotations = map[string]string{v1alpha1.AnnotationControl: tc.document}
			tc.want.Name, tc.want.Created, tc.want.ReplicaSet, tc.want.Scheduled = "a", created, "set", true
			if tc.change != nil {
				tc.change(pod)
				tc.want.Scheduled = pod.Spec.NodeName != ""
			}
			if diff := cmp.Diff(tc.want, drainPod(NewPod(pod, tc.report, PodWrite{}))); diff != "" {
				t.Errorf("drainPod() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRemoval(t *testing.T) {
	o := poolOf("a", 1)
	if got := removalOf(o, 4); got.Replicas != 4 || got.Writes() {
		t.Errorf("without a Deployment: %+v", got)
	}
	o.Deployment = &appsv1.Deployment{}
	o.Deployment.Spec.Replicas = new(int32(2))
	o.Deployment.Status = appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2}
	for _, name := range []string{"a", "b"} {
		pod := builders.Pod(name, noon.Add(-time.Hour))
		o.add(pod, telemetry.PodReport{PulledAt: noon, Status: &protocol.Status{Phase: protocol.PhaseRunning, Workers: []protocol.Worker{{State: protocol.WorkerBusy, Job: &protocol.Job{}}}}})
	}
	got := removalOf(o, 1)
	if got.Replicas != 2 || len(got.Cordon) != 1 || got.Reason != drain.Draining || got.Recheck != time.Minute+silenceMargin {
		t.Errorf("a busy pool that shrinks: %+v", got)
	}
	o.Worker.Spec.Timeout = &metav1.Duration{}
	if got := removalOf(o, 1); got.Recheck != drain.DefaultSilence {
		t.Errorf("jobs without a timeout are waited for %s, want %s", got.Recheck, drain.DefaultSilence)
	}
}

// A stopped pool keeps a pod while the pod finishes its jobs, because a kept pod can
// still be told to kill them. It keeps the pod no longer than the kubelet would have.
func TestRemovalOfAStoppedPool(t *testing.T) {
	type change func(o *World)
	cordonedFor := func(d time.Duration) change {
		return func(o *World) {
			for _, pod := range o.Pods {
				pod.Annotations = map[string]string{
					v1alpha1.AnnotationControl:    `{"revision":2,"cordoned":true}`,
					v1alpha1.AnnotationCordonedAt: noon.Add(-d).Format(time.RFC3339),
				}
			}
		}
	}
	tests := map[string]struct {
		change   change
		replicas int32
		cordons  int
		recheck  time.Duration
	}{
		"busy":                      {func(*World) {}, 2, 2, 30 * time.Second},
		"and told so":               {cordonedFor(10 * time.Second), 2, 0, 20 * time.Second},
		"for as long as it may":     {cordonedFor(30 * time.Second), 0, 0, 0},
		"of which nothing is known": {func(o *World) { o.unheard() }, 0, 0, 0},
		"of which a new operator knows nothing yet": {func(o *World) {
			o.unheard()
			o.Memory.Since = noon.Add(-FirstReportTime + 4*time.Second)
		}, 2, 2, 4 * time.Second},
		"whose agents have just begun": {func(o *World) {
			o.unheard()
			started := metav1.NewTime(noon.Add(-FirstReportTime + 3*time.Second))
			for _, pod := range o.Pods {
				pod.Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{{Name: protocol.PortName}}}}
				pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}}}}
			}
		}, 2, 2, 3 * time.Second},
		"that cannot be reached": {func(o *World) {
			for _, pod := range o.Pods {
				pod.Report.Unreachable = true
			}
		}, 0, 0, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := poolOf("a", 1)
			o.Worker.Spec.Stopped = true
			o.Deployment = &appsv1.Deployment{}
			o.Deployment.Spec.Replicas = new(int32(2))
			for _, name := range []string{"a", "b"} {
				pod := builders.Pod(name, noon.Add(-time.Hour))
				o.add(pod, telemetry.PodReport{PulledAt: noon, Status: &protocol.Status{Phase: protocol.PhaseRunning, Workers: []protocol.Worker{{State: protocol.WorkerBusy, Job: &protocol.Job{}}}}})
			}
			tc.change(o)
			for _, pod := range o.Pods {
				*pod = *NewPod(pod.Pod, pod.Report, pod.Write)
			}
			got := removalOf(o, 0)
			if got.Replicas != tc.replicas || len(got.Cordon) != tc.cordons || got.Recheck != tc.recheck {
				t.Errorf("removal() = %+v, want %d replicas, %d cordons, again in %s", got, tc.replicas, tc.cordons, tc.recheck)
			}
		})
	}
}

func TestPodAnnotations(t *testing.T) {
	text := func(s string) *string { return &s }
	tests := map[string]struct {
		d    Decision
		want map[string]*string
	}{
		"nothing": {Decision{Removal: drain.Plan{Cordon: []string{"b"}, Costs: map[string]int32{"c": 0}}}, map[string]*string{}},
		"cordoned": {
			Decision{Removal: drain.Plan{Cordon: []string{"a"}}, Controls: objects.Controls{Pods: map[string]string{"a": "{}"}}},
			map[string]*string{v1alpha1.AnnotationCordonedAt: text("2026-11-23T12:00:00Z"), v1alpha1.AnnotationControl: text("{}")},
		},
		"ready to go":          {Decision{Removal: drain.Plan{Costs: map[string]int32{"a": drain.MinimumCost}}}, map[string]*string{corev1.PodDeletionCost: text("-2147483648")}},
		"called back":          {Decision{Removal: drain.Plan{Uncordon: []string{"a"}, Costs: map[string]int32{"a": 0}}}, map[string]*string{v1alpha1.AnnotationCordonedAt: nil, corev1.PodDeletionCost: nil}},
		"restarted when stuck": {Decision{Stuck: stuck.Output{Restart: []string{"a"}}}, map[string]*string{v1alpha1.AnnotationRestartedAt: text("2026-11-23T12:00:00Z")}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, PodAnnotations(&World{Now: noon}, tc.d, OrdersOf(tc.d), "a")); diff != "" {
				t.Errorf("PodAnnotations() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnAgentIsOverdueAfterAWhile(t *testing.T) {
	tests := map[string]struct {
		write PodWrite
		// after is the time since the write, and heard the time from the write to the
		// agent's answer.
		after, heard time.Duration
		want         bool
	}{
		"nothing was written":         {after: time.Hour, heard: time.Hour},
		"just written":                {write: PodWrite{At: noon}, after: time.Second, heard: time.Second},
		"not heard of since":          {write: PodWrite{At: noon}, after: time.Minute, heard: -time.Second},
		"heard of too soon to know":   {write: PodWrite{At: noon}, after: time.Minute, heard: time.Second},
		"overdue":                     {write: PodWrite{At: noon}, after: overdueAfter, heard: overdueAfter, want: true},
		"written again, and too soon": {write: PodWrite{At: noon, Again: 1}, after: overdueAfter, heard: overdueAfter},
		"overdue again":               {write: PodWrite{At: noon, Again: 1}, after: 2 * overdueAfter, heard: 2 * overdueAfter, want: true},
		"after a hundred times":       {write: PodWrite{At: noon, Again: 100}, after: overdueAfter << overdueDoublings, heard: time.Minute, want: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tc.write.overdue(noon.Add(tc.after), noon.Add(tc.heard)); got != tc.want {
				t.Errorf("overdue() = %t, want %t", got, tc.want)
			}
		})
	}
}
