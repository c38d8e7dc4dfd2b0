// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/alerts"
	"queueworker.dev/queueworker/controllers/batch"
	"queueworker.dev/queueworker/controllers/drain"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/scaling"
)

// StallAfter is how long the operator waits for something that may mend itself, such as
// an image that cannot be pulled, before the pool counts as stalled.
const StallAfter = 2 * time.Minute

// Input holds everything that decides a pool's status.
type Input struct {
	Now    time.Time
	Worker *v1alpha1.QueueWorker
	// AppName is the QueueApp in use; empty if there is none.
	AppName string
	// Deployment is the pool's Deployment; nil if there is none.
	Deployment *appsv1.Deployment
	// Pods are the pool's pods with what their agents report.
	Pods []Pod
	// Ended holds the pods that have ended since the last write of the status.
	Ended []EndedPod
	// Expected holds pods that this operator has seen but whose end it has not yet
	// received: the cache drops a pod a moment before the event with its last counts
	// arrives.
	Expected map[types.UID]bool

	// Processes is how many processes the pool should have.
	Processes int32
	// Removal is the plan that leads from the present pods to the wanted pods.
	Removal drain.Plan
	// Scaling is the last scaling decision; nil without autoscaling.
	Scaling *scaling.Decision
	// Cap is the pool's share of its QueueApp's maxProcesses; nil if there is no maximum.
	Cap *scaling.Grant
	// Backlog is the known state of the pool's queues.
	Backlog Backlog
	// Times are the times that must be in order for a job to run once.
	Times Times
	// Foreign is the other writer of the Deployment's replicas; empty if there is none.
	Foreign string
	// Stuck lists the pods with a worker that waits while there is work.
	Stuck []string
	// Alerts are the alerts about the health of the jobs. OnFailing is the pause that
	// spec.onFailing has made of them.
	Alerts    []alerts.Alert
	OnFailing *v1alpha1.FailurePause

	// Runs is the decision about the pool's runs; nil if the pool has nothing to do
	// with runs.
	Runs *batch.Output
	// PerPod is how many processes each pod of the open run has; 0 if there is no open run.
	PerPod int32

	// Problem is why the pool could not be built; nil if it could.
	Problem *effective.Problem
	// Findings are the promises that the pool cannot keep.
	Findings []effective.Problem
	// NotPermitted is a setting of the pool that the pool may not decide; nil if there
	// is none.
	NotPermitted *effective.Problem
	// Conflict names the object that belongs to another owner; empty if there is none.
	Conflict string
	// Rejected is the API server's refusal of an object of the pool; empty if there was
	// none.
	Rejected string

	// Revision is the revision of the pool's control document.
	Revision int64
	// Throughput is the pool's throughput.
	Throughput v1alpha1.Throughput
}

// Pod is a pod of the pool and its agent's reports.
type Pod struct {
	*corev1.Pod
	// Report is the last report; nil if there was none.
	Report *protocol.Status
	// ReportedAt is when the report was asked for; its ages count from then.
	ReportedAt time.Time
	// Final is the agent's final report, for a pod that has ended and stays; nil if
	// unknown.
	Final *protocol.Final
	// Closing reports whether the pod belongs to a run that ends with this status.
	Closing bool
	// Error says why the last call failed; empty if it did not fail.
	Error string
	// Unreachable reports whether so many calls in a row failed that the pod counts as
	// silent.
	Unreachable bool
}

// EndedPod is a pod that is gone, or will run no more.
type EndedPod struct {
	UID  types.UID
	Name string
	// Counters are the pod's last counts; nil if none were ever seen.
	Counters *protocol.Counters
	// Complete reports whether Counters come from the final report, and not just from
	// the last pull.
	Complete bool
	// Started reports whether the pod's worker ever ran.
	Started bool
	// Tracked reports whether this operator knew the pod before it ended.
	Tracked bool
	// Killed holds the jobs that the pod's agent cut short on request.
	Killed []protocol.KilledJob
}

// container returns the status of the pod's worker container; nil before there is one.
func (p Pod) container() *corev1.ContainerStatus { return podstate.WorkerContainer(p.Pod) }

// running reports whether the worker container runs.
func (p Pod) running() bool {
	container := p.container()
	return container != nil && container.State.Running != nil
}

// terminal reports whether the pod will never run again.
func (p Pod) terminal() bool {
	return podstate.Ended(p.Pod)
}

// leaving reports whether the pod is being removed or has ended.
func (p Pod) leaving() bool { return p.DeletionTimestamp != nil || p.terminal() }

// ready reports whether the pod's Ready condition is true.
func (p Pod) ready() bool {
	return podstate.ReadySince(p.Pod) != nil
}

// workers returns the slots that the pod's agent reports.
func (p Pod) workers() []protocol.Worker {
	if p.Report == nil {
		return nil
	}
	return p.Report.Workers
}

// Backlog is the known state of a pool's queues.
type Backlog struct {
	// Measured reports whether the QueueApp has a backlog probe.
	Measured bool
	// MeasuredAt is when Queues were measured; zero if they never were.
	MeasuredAt time.Time
	// Queues holds the last figures, in the order of spec.queue.
	Queues []protocol.QueueDepth
	// Reason and Message say why there are no newer figures; empty if there is no
	// trouble. FailingSince is when the trouble began.
	Reason       protocol.BacklogError
	Message      string
	FailingSince time.Time
	// Backend says in words which backend is asked.
	Backend string
}

// Times are the times that must be in order for a job to run once.
type Times struct {
	// Timeout is how long a job may run; 0 means without limit.
	Timeout time.Duration
	// RetryAfter is the time after which a job is handed out again; 0 if unknown.
	RetryAfter time.Duration
	// Grace is how long a pod may take to end; 0 if there is none.
	Grace time.Duration
}

// inRuns reports whether the pool consists of runs: it is of mode Batch, or a run of
// that mode must still end before the pool gets its Deployment.
func inRuns(in Input) bool {
	return in.Runs != nil && (effective.IsBatch(&in.Worker.Spec) || in.Runs.Open != nil && !objects.HasDeployment(in.Worker, in.Deployment))
}
