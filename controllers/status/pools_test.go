// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// noon is the present time of these tests.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// pool returns the Input of a pool that is as wanted: every pod is ready, with one idle
// process.
func pool(pods int) Input {
	worker := &v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Name: "emails", Namespace: "shop", Generation: 3}}
	worker.Spec.Queue = "emails"
	worker.Spec.Processes = new(int32(pods))
	in := Input{Now: noon, Worker: worker, AppName: "shop", Revision: 4, Processes: int32(pods)}
	in.Deployment = &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Generation: 2}, Status: appsv1.DeploymentStatus{
		ObservedGeneration: 2, Replicas: int32(pods), UpdatedReplicas: int32(pods), AvailableReplicas: int32(pods),
	}}
	for i := range pods {
		in.Pods = append(in.Pods, pod(fmt.Sprint("emails-", i)))
	}
	return in
}

// pod returns a running pod whose one process is idle.
func pod(name string) Pod {
	return Pod{
		ReportedAt: noon,
		Pod: &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name)},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "worker", Ports: []corev1.ContainerPort{{Name: protocol.PortName}}}}},
			Status: corev1.PodStatus{
				Phase:             corev1.PodRunning,
				Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
				ContainerStatuses: []corev1.ContainerStatus{{Name: "worker", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
			},
		},
		Report: &protocol.Status{
			Version: 1, ControlRevision: 4, Phase: protocol.PhaseRunning, Ready: true,
			Workers: []protocol.Worker{{PID: 7, State: protocol.WorkerIdle, AgeSeconds: 60}},
			Runtime: &protocol.RuntimeFacts{GracefulStop: true, Dialect: "json"},
		},
	}
}

// waiting turns the pod's worker container into one that cannot start.
func (p Pod) waiting(reason, message string) Pod {
	p.Status.Phase = corev1.PodPending
	p.Status.Conditions = nil
	p.Status.ContainerStatuses[0] = corev1.ContainerStatus{
		Name: "worker", Image: "shop:1",
		State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}},
	}
	p.Report = nil
	return p
}

// worker puts the pod's process into a state.
func (p Pod) worker(state protocol.WorkerState, job *protocol.Job) Pod {
	p.Report.Workers[0].State = state
	p.Report.Workers[0].Job = job
	return p
}

// crashed makes the pod's process end for a reason and wait for its next start.
func (p Pod) crashed(reason protocol.ExitReason, message string) Pod {
	p = p.worker(protocol.WorkerBackingOff, nil)
	p.Report.Workers[0].LastExit = &protocol.Exit{Sequence: 1, Reason: reason, Code: 1, Message: message}
	p.Report.RecentExits = []protocol.Exit{*p.Report.Workers[0].LastExit}
	p.Status.Conditions[0].Status = corev1.ConditionFalse
	return p
}

// appsStatus returns the status of a Deployment that has finished with its pods.
func appsStatus(pods int32) appsv1.DeploymentStatus {
	return appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: pods, UpdatedReplicas: pods, AvailableReplicas: pods}
}
