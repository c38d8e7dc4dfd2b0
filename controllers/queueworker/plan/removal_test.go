// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/drain"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/stuck"
	"queueworker.dev/queueworker/test/builders"
)

func TestDrainPod(t *testing.T) {
	const cordon = `{"revision":7,"cordoned":true}`
	pulled := noon.Add(-2 * time.Second)
	idle := protocol.Status{ControlRevision: 7, Phase: protocol.PhaseCordoned, Workers: []protocol.Worker{{State: protocol.WorkerStopped}}}
	tests := map[string]struct {
		document string
		change   func(*corev1.Pod)
		report   collector.PodReport
		want     drain.Pod
	}{
		"a pod that works": {
			report: collector.PodReport{PulledAt: pulled, Status: &protocol.Status{Phase: protocol.PhaseRunning, Workers: []protocol.Worker{
				{Job: &protocol.Job{AgeSeconds: 60}}, {}, {Job: &protocol.Job{AgeSeconds: 8}},
			}}},
			want: drain.Pod{Ready: true, Running: true, Started: true, Heard: true, LastHeard: pulled, Busy: 2, JobStarted: noon.Add(-10 * time.Second)},
		},
		"not heard of": {want: drain.Pod{Ready: true, Running: true, Started: true}},
		"told to go, and has not heard of it": {
			document: cordon,
			report:   collector.PodReport{PulledAt: pulled, Status: &protocol.Status{ControlRevision: 6, Phase: protocol.PhaseRunning}},
			want:     drain.Pod{Ready: true, Running: true, Started: true, Cordoned: true, Heard: true, LastHeard: pulled},
		},
		"obeys an older cordon": {
			document: `{"revision":9,"cordoned":true}`, report: collector.PodReport{PulledAt: pulled, Status: &idle},
			want: drain.Pod{Ready: true, Running: true, Started: true, Cordoned: true, Heard: true, LastHeard: pulled},
		},
		"obeys and has nothing left": {
			document: cordon, report: collector.PodReport{PulledAt: pulled, Status: &idle},
			want: drain.Pod{Ready: true, Running: true, Started: true, Cordoned: true, Heard: true, LastHeard: pulled, Obeys: true, Drained: true},
		},
		"obeys and finishes its job": {
			document: cordon,
			report: collector.PodReport{PulledAt: pulled, Status: &protocol.Status{ControlRevision: 8, Phase: protocol.PhaseCordoned,
				Workers: []protocol.Worker{{State: protocol.WorkerRetiring, PID: 9, Job: &protocol.Job{}}}}},
			want: drain.Pod{Ready: true, Running: true, Started: true, Cordoned: true, Heard: true, LastHeard: pulled, Obeys: true, Busy: 1, JobStarted: pulled},
		},
		"an agent that says it is cordoned and was not told so": {
			report: collector.PodReport{PulledAt: pulled, Status: &idle},
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
			if diff := cmp.Diff(tc.want, drainPod(pod, tc.report)); diff != "" {
				t.Errorf("drainPod() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRemoval(t *testing.T) {
	o := poolOf("a", 1)
	if got := removal(o, 4); got.Replicas != 4 || got.Writes() {
		t.Errorf("without a Deployment: %+v", got)
	}
	o.deployment = &appsv1.Deployment{}
	o.deployment.Spec.Replicas = new(int32(2))
	o.deployment.Status = appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2}
	for _, name := range []string{"a", "b"} {
		pod := builders.Pod(name, noon.Add(-time.Hour))
		o.pods = append(o.pods, pod)
		o.reports.Pods[pod.UID] = collector.PodReport{PulledAt: noon, Status: &protocol.Status{Phase: protocol.PhaseRunning, Workers: []protocol.Worker{{State: protocol.WorkerBusy, Job: &protocol.Job{}}}}}
	}
	got := removal(o, 1)
	if got.Replicas != 2 || len(got.Cordon) != 1 || got.Reason != drain.Draining || got.Recheck != time.Minute+silenceMargin {
		t.Errorf("a busy pool that shrinks: %+v", got)
	}
	o.worker.Spec.Timeout = &metav1.Duration{}
	if got := removal(o, 1); got.Recheck != drain.DefaultSilence {
		t.Errorf("jobs without a timeout are waited for %s, want %s", got.Recheck, drain.DefaultSilence)
	}
}

// A stopped pool keeps a pod while the pod finishes its jobs, because a kept pod can
// still be told to kill them. It keeps the pod no longer than the kubelet would have.
func TestRemovalOfAStoppedPool(t *testing.T) {
	type change func(o *observation)
	cordonedFor := func(d time.Duration) change {
		return func(o *observation) {
			for _, pod := range o.pods {
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
		"busy":                      {func(*observation) {}, 2, 2, 30 * time.Second},
		"and told so":               {cordonedFor(10 * time.Second), 2, 0, 20 * time.Second},
		"for as long as it may":     {cordonedFor(30 * time.Second), 0, 0, 0},
		"of which nothing is known": {func(o *observation) { clear(o.reports.Pods) }, 0, 0, 0},
		"of which a new operator knows nothing yet": {func(o *observation) {
			clear(o.reports.Pods)
			o.past.since = noon.Add(-hearingTime + 4*time.Second)
		}, 2, 2, 4 * time.Second},
		"whose agents have just begun": {func(o *observation) {
			clear(o.reports.Pods)
			started := metav1.NewTime(noon.Add(-hearingTime + 3*time.Second))
			for _, pod := range o.pods {
				pod.Spec.Containers = []corev1.Container{{Ports: []corev1.ContainerPort{{Name: protocol.PortName}}}}
				pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}}}}
			}
		}, 2, 2, 3 * time.Second},
		"that cannot be reached": {func(o *observation) {
			for uid, report := range o.reports.Pods {
				report.Unreachable = true
				o.reports.Pods[uid] = report
			}
		}, 0, 0, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			o := poolOf("a", 1)
			o.worker.Spec.Stopped = true
			o.deployment = &appsv1.Deployment{}
			o.deployment.Spec.Replicas = new(int32(2))
			for _, name := range []string{"a", "b"} {
				pod := builders.Pod(name, noon.Add(-time.Hour))
				o.pods = append(o.pods, pod)
				o.reports.Pods[pod.UID] = collector.PodReport{PulledAt: noon, Status: &protocol.Status{Phase: protocol.PhaseRunning, Workers: []protocol.Worker{{State: protocol.WorkerBusy, Job: &protocol.Job{}}}}}
			}
			tc.change(o)
			got := removal(o, 0)
			if got.Replicas != tc.replicas || len(got.Cordon) != tc.cordons || got.Recheck != tc.recheck {
				t.Errorf("removal() = %+v, want %d replicas, %d cordons, again in %s", got, tc.replicas, tc.cordons, tc.recheck)
			}
		})
	}
}

func TestPodAnnotations(t *testing.T) {
	text := func(s string) *string { return &s }
	tests := map[string]struct {
		d    decision
		want map[string]*string
	}{
		"nothing": {decision{removal: drain.Plan{Cordon: []string{"b"}, Costs: map[string]int32{"c": 0}}}, map[string]*string{}},
		"cordoned": {
			decision{removal: drain.Plan{Cordon: []string{"a"}}, controls: objects.Controls{Pods: map[string]string{"a": "{}"}}},
			map[string]*string{v1alpha1.AnnotationCordonedAt: text("2026-11-23T12:00:00Z"), v1alpha1.AnnotationControl: text("{}")},
		},
		"ready to go":          {decision{removal: drain.Plan{Costs: map[string]int32{"a": drain.MinimumCost}}}, map[string]*string{corev1.PodDeletionCost: text("-2147483648")}},
		"called back":          {decision{removal: drain.Plan{Uncordon: []string{"a"}, Costs: map[string]int32{"a": 0}}}, map[string]*string{v1alpha1.AnnotationCordonedAt: nil, corev1.PodDeletionCost: nil}},
		"restarted when stuck": {decision{stuck: stuck.Output{Restart: []string{"a"}}}, map[string]*string{v1alpha1.AnnotationRestartedAt: text("2026-11-23T12:00:00Z")}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, podAnnotations(&observation{now: noon}, tc.d, ordersOf(tc.d), "a")); diff != "" {
				t.Errorf("podAnnotations() differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMemoryBehind(t *testing.T) {
	tests := map[string]struct {
		pod, written, deployment, applied string
		want                              bool
	}{
		"nothing was written":            {pod: "5", deployment: "5"},
		"both are seen":                  {pod: "7", written: "7", deployment: "9", applied: "8"},
		"the pod is not":                 {pod: "99", written: "100", want: true},
		"the Deployment is not":          {deployment: "99", applied: "100", want: true},
		"the pod was gone when written":  {pod: "5", written: ""},
		"a Deployment that is gone":      {applied: "100"},
		"versions that cannot be told":   {pod: "x", written: "y"},
		"one that is newer is no matter": {pod: "100", written: "99"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			pod := builders.Pod("a", noon)
			pod.ResourceVersion = tc.pod
			o := &observation{pods: []*corev1.Pod{pod}}
			if tc.deployment != "" {
				o.deployment = &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{ResourceVersion: tc.deployment}}
			}
			memory := &poolMemory{deploymentVersion: tc.applied}
			memory.wrote(pod.UID, tc.written, noon, false)
			memory.wrote("gone", "1000", noon, false)
			for look := range 2 {
				if got := memory.behind(o); got != tc.want {
					t.Errorf("behind() = %t at look %d, want %t", got, look, tc.want)
				}
			}
			if _, still := memory.written["gone"]; still {
				t.Error("a pod that is gone is remembered")
			}
		})
	}
}

func TestAnAgentIsOverdueAfterAWhile(t *testing.T) {
	tests := map[string]struct {
		write podWrite
		// after is the time since the write, and heard the time from the write to the
		// agent's answer.
		after, heard time.Duration
		want         bool
	}{
		"nothing was written":         {after: time.Hour, heard: time.Hour},
		"just written":                {write: podWrite{at: noon}, after: time.Second, heard: time.Second},
		"not heard of since":          {write: podWrite{at: noon}, after: time.Minute, heard: -time.Second},
		"heard of too soon to know":   {write: podWrite{at: noon}, after: time.Minute, heard: time.Second},
		"overdue":                     {write: podWrite{at: noon}, after: overdueAfter, heard: overdueAfter, want: true},
		"written again, and too soon": {write: podWrite{at: noon, again: 1}, after: overdueAfter, heard: overdueAfter},
		"overdue again":               {write: podWrite{at: noon, again: 1}, after: 2 * overdueAfter, heard: 2 * overdueAfter, want: true},
		"after a hundred times":       {write: podWrite{at: noon, again: 100}, after: overdueAfter << overdueDoublings, heard: time.Minute, want: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tc.write.overdue(noon.Add(tc.after), noon.Add(tc.heard)); got != tc.want {
				t.Errorf("overdue() = %t, want %t", got, tc.want)
			}
		})
	}
}
