// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/alerts"
	"queueworker.dev/queueworker/controllers/batch"
	"queueworker.dev/queueworker/controllers/desired"
	"queueworker.dev/queueworker/controllers/drain"
	"queueworker.dev/queueworker/controllers/scaling"
)

// StallAfter is how long something that may mend itself, such as an image that
// cannot be pulled, is waited for before the pool counts as stalled.
const StallAfter = 2 * time.Minute

// Input is all that decides a pool's status.
type Input struct {
	Now    time.Time
	Worker *v1alpha1.QueueWorker
	// AppName is the QueueApp in use; empty if there is none.
	AppName string
	// Deployment is the pool's Deployment; nil if there is none.
	Deployment *appsv1.Deployment
	// Pods are the pool's pods with what their agents report.
	Pods []Pod
	// Ended are the pods that have ended since the last write of the status.
	Ended []EndedPod
	// Expected are pods this operator has seen whose end it has not been told of yet:
	// the cache drops a pod a moment before the event with its last word arrives.
	Expected map[types.UID]bool

	// Processes is how many processes the pool is meant to have.
	Processes int32
	// Removal is how the pool gets from the pods it has to those it is meant to have.
	Removal drain.Plan
	// Scaling is the last scaling decision; nil without autoscaling.
	Scaling *scaling.Decision
	// Cap is what the pool gets of its QueueApp's maxProcesses; nil where there is none.
	Cap *scaling.Grant
	// Backlog is what is known of the pool's queues.
	Backlog Backlog
	// Times are those that have to be in order for a job to run once.
	Times Times
	// Foreign is who else writes the Deployment's replicas; empty if nobody does.
	Foreign string
	// Stuck are the pods with a worker that waits while there is work.
	Stuck []string
	// Alerts are what is wrong with the health of the jobs, OnFailing the pause that
	// spec.onFailing has made of it.
	Alerts    []alerts.Alert
	OnFailing *v1alpha1.FailurePause

	// Runs is what was decided about the pool's runs; nil where it has none to do with.
	Runs *batch.Output
	// PerPod is how many processes each pod of the open run has; 0 where there is none.
	PerPod int32

	// Problem is why the pool could not be built; nil if it could.
	Problem *desired.Problem
	// Findings are promises the pool cannot keep.
	Findings []desired.Problem
	// NotPermitted is what the pool sets that is not its own to decide; nil if nothing is.
	NotPermitted *desired.Problem
	// Conflict says which object is somebody else's; empty if none is.
	Conflict string
	// Rejected is the API server's refusal of an object made for the pool; empty if
	// there was none.
	Rejected string

	// Revision is the revision of the pool's control document.
	Revision int64
	// Throughput is what the pool gets done.
	Throughput v1alpha1.Throughput
}

// Pod is a pod of the pool and what its agent reports.
type Pod struct {
	*corev1.Pod
	// Report is the last report; nil if there was none.
	Report *protocol.Status
	// ReportedAt is when it was asked for; ages in it count from then.
	ReportedAt time.Time
	// Final is the agent's last word, of a pod that has ended and stays; nil if none is known.
	Final *protocol.Final
	// Closing tells that the pod is of a run that ends with this status.
	Closing bool
	// Error says why the last call failed; empty if it did not.
	Error string
	// Unreachable tells that so many calls in a row failed that the pod counts as silent.
	Unreachable bool
}

// EndedPod is a pod that is gone, or will run no more.
type EndedPod struct {
	UID  types.UID
	Name string
	// Counters are its last counts; nil if none were ever seen.
	Counters *protocol.Counters
	// Complete tells that Counters are its last word, not just what was last pulled.
	Complete bool
	// Started tells that its worker ever ran.
	Started bool
	// Tracked tells that this operator knew it before it ended.
	Tracked bool
	// Killed are jobs that its agent has cut short on request.
	Killed []protocol.KilledJob
}

// Ended tells whether a pod will never run again.
func Ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// container is the status of the pod's worker container; nil before there is one.
func (p Pod) container() *corev1.ContainerStatus { return WorkerStatus(p.Pod) }

// WorkerStatus is the status of the container of a pod that runs the agent, which is
// the one with its port; nil if it has none yet.
func WorkerStatus(pod *corev1.Pod) *corev1.ContainerStatus {
	for i := range pod.Spec.Containers {
		container := &pod.Spec.Containers[i]
		if !slices.ContainsFunc(container.Ports, func(port corev1.ContainerPort) bool { return port.Name == protocol.PortName }) {
			continue
		}
		for j := range pod.Status.ContainerStatuses {
			if pod.Status.ContainerStatuses[j].Name == container.Name {
				return &pod.Status.ContainerStatuses[j]
			}
		}
	}
	return nil
}

// running tells whether the worker container runs.
func (p Pod) running() bool {
	container := p.container()
	return container != nil && container.State.Running != nil
}

// terminal tells whether the pod will never run again.
func (p Pod) terminal() bool {
	return Ended(p.Pod)
}

// leaving tells whether the pod is being removed or has ended.
func (p Pod) leaving() bool { return p.DeletionTimestamp != nil || p.terminal() }

// ready tells whether the pod's Ready condition is true.
func (p Pod) ready() bool {
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// workers are the slots its agent reports.
func (p Pod) workers() []protocol.Worker {
	if p.Report == nil {
		return nil
	}
	return p.Report.Workers
}
