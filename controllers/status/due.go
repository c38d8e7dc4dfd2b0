// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// ReportInterval is the shortest time between two writes for what changes with
// every job: rates, rows, totals and busy counts. It counts from the last write
// that told of jobs, so that the first job after a rest is told at once.
const ReportInterval = time.Minute

// ProgressInterval is the shortest time between two writes for what changes with
// every pod that comes or goes: numbers, and the wording of conditions. A pool of
// many pods that starts is told of in steps, not pod by pod.
const ProgressInterval = 2 * time.Second

// Writes are when a pool's status was last written.
type Writes struct {
	// Any is the last write.
	Any time.Time
	// OfJobs is the last write that told of jobs.
	OfJobs time.Time
}

// Due tells whether a computed status is to be written now, and if not, after how
// long it will be; zero means not until something changes.
//
// What a user waits for is written at once: the generation, the state, what conditions
// say in a word, and how many processes are wanted or failing. The numbers of existing
// and ready processes follow, at once after a rest and then at most every ProgressInterval. What
// changes with every job rides along, or is written when ReportInterval has passed
// since a write told of jobs. Memory, CPU and ages alone are never a reason.
func Due(before, after *v1alpha1.QueueWorkerStatus, now time.Time, last Writes) (write bool, wait time.Duration) {
	switch {
	case !equality.Semantic.DeepEqual(urgent(before), urgent(after)):
		return true, 0
	case !equality.Semantic.DeepEqual(progressing(before), progressing(after)):
		return elapsed(now, last.Any, ProgressInterval)
	case !equality.Semantic.DeepEqual(riding(before), riding(after)):
		return elapsed(now, last.OfJobs, ReportInterval)
	}
	return false, 0
}

// elapsed tells whether an interval has passed, and else what is left of it.
func elapsed(now, since time.Time, interval time.Duration) (passed bool, left time.Duration) {
	if left = interval - now.Sub(since); left > 0 {
		return false, left
	}
	return true, 0
}

// TellsOfJobs tells whether a write says anything new about jobs, or about the figures
// a pool's size is decided by.
func TellsOfJobs(before, after *v1alpha1.QueueWorkerStatus) bool {
	return before.Totals != after.Totals || before.Busy != after.Busy ||
		!equality.Semantic.DeepEqual(before.Autoscaling, after.Autoscaling) ||
		!equality.Semantic.DeepEqual(backlogCounts(before.Backlog), backlogCounts(after.Backlog))
}

// urgent is the part of a status whose change is written at once.
func urgent(status *v1alpha1.QueueWorkerStatus) v1alpha1.QueueWorkerStatus {
	out := v1alpha1.QueueWorkerStatus{
		ObservedGeneration: status.ObservedGeneration,
		State:              status.State,
		AppName:            status.AppName,
		Selector:           status.Selector,
		Desired:            status.Desired,
		Failing:            status.Failing,
		OnFailing:          status.OnFailing,
		Batch:              withoutCounts(status.Batch),
	}
	if out.State == v1alpha1.StateIdle {
		// A pool of quick jobs goes back and forth between the two.
		out.State = v1alpha1.StateActive
	}
	out.Totals.UnaccountedWorkers = status.Totals.UnaccountedWorkers
	for _, condition := range status.Conditions {
		out.Conditions = append(out.Conditions, metav1.Condition{Type: condition.Type, Status: condition.Status, Reason: condition.Reason})
	}
	return out
}

// progressing is the part of a status that changes with every pod that comes or goes.
func progressing(status *v1alpha1.QueueWorkerStatus) v1alpha1.QueueWorkerStatus {
	out := v1alpha1.QueueWorkerStatus{
		Processes: status.Processes,
		Ready:     status.Ready,
	}
	for _, condition := range status.Conditions {
		condition.LastTransitionTime = metav1.Time{}
		out.Conditions = append(out.Conditions, condition)
	}
	for _, pod := range status.Accounted {
		out.Accounted = append(out.Accounted, v1alpha1.AccountedPod{UID: pod.UID, Name: pod.Name, Reported: pod.Reported})
	}
	return out
}

// riding is the part of a status that is written when time allows.
func riding(status *v1alpha1.QueueWorkerStatus) v1alpha1.QueueWorkerStatus {
	return v1alpha1.QueueWorkerStatus{
		State:       status.State,
		Busy:        status.Busy,
		Idle:        status.Idle,
		Throughput:  status.Throughput,
		Totals:      status.Totals,
		Restarts:    slices.Clone(status.Restarts),
		Backlog:     backlogCounts(status.Backlog),
		Autoscaling: status.Autoscaling,
		Batch:       status.Batch,
	}
}

// backlogCounts are the parts of a backlog that are news: ages are none, but that one
// is known is.
func backlogCounts(backlog *v1alpha1.BacklogStatus) *v1alpha1.BacklogStatus {
	if backlog == nil {
		return nil
	}
	out := *backlog
	out.OldestTime, out.NextDueTime, out.Queues = isKnown(backlog.OldestTime), nil, slices.Clone(backlog.Queues)
	for i := range out.Queues {
		out.Queues[i].OldestTime = isKnown(out.Queues[i].OldestTime)
	}
	return &out
}

// isKnown is the same for all times that are known.
func isKnown(at *metav1.Time) *metav1.Time {
	if at == nil {
		return nil
	}
	return &metav1.Time{}
}
