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

// ReportInterval is the shortest time between two writes for fields that change with
// every job: rates, rows, totals and busy counts. It counts from the last write that
// reported jobs, so that the first job after a rest is reported at once.
const ReportInterval = time.Minute

// ProgressInterval is the shortest time between two writes for fields that change with
// every pod that comes or goes: numbers, and the wording of conditions. If a pool of
// many pods starts, the status follows in steps and not pod by pod.
const ProgressInterval = 2 * time.Second

// Writes holds the times of the last writes of a pool's status.
type Writes struct {
	// Any is the last write.
	Any time.Time
	// OfJobs is the last write that reported jobs.
	OfJobs time.Time
}

// Due reports whether a computed status must be written now. If not, it returns how
// long to wait; zero means until something changes.
//
// Fields that a user waits for are written at once: the generation, the state, the
// status and reason of conditions, and how many processes are wanted or failing. The
// numbers of existing and ready processes follow, at once after a rest and then at most
// once per ProgressInterval. Fields that change with every job are included in other
// writes, or written once ReportInterval has passed since a write reported jobs.
// Memory, CPU and ages alone never cause a write.
func Due(before, after *v1alpha1.QueueWorkerStatus, now time.Time, last Writes) (write bool, wait time.Duration) {
	switch {
	case !equality.Semantic.DeepEqual(urgent(before), urgent(after)):
		return true, 0
	case !equality.Semantic.DeepEqual(progressing(before), progressing(after)):
		return elapsed(now, last.Any, ProgressInterval)
	case !equality.Semantic.DeepEqual(deferrable(before), deferrable(after)):
		return elapsed(now, last.OfJobs, ReportInterval)
	}
	return false, 0
}

// elapsed reports whether an interval has passed, and otherwise returns the rest of it.
func elapsed(now, since time.Time, interval time.Duration) (passed bool, left time.Duration) {
	if left = interval - now.Sub(since); left > 0 {
		return false, left
	}
	return true, 0
}

// TellsOfJobs reports whether a write has news about jobs, or about the figures that
// decide a pool's size.
func TellsOfJobs(before, after *v1alpha1.QueueWorkerStatus) bool {
	return before.Totals != after.Totals || before.Busy != after.Busy ||
		!equality.Semantic.DeepEqual(before.Autoscaling, after.Autoscaling) ||
		!equality.Semantic.DeepEqual(backlogCounts(before.Backlog), backlogCounts(after.Backlog))
}

// urgent returns the part of a status whose change is written at once.
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
		// A pool of quick jobs alternates between the two.
		out.State = v1alpha1.StateActive
	}
	out.Totals.UnaccountedWorkers = status.Totals.UnaccountedWorkers
	for _, condition := range status.Conditions {
		out.Conditions = append(out.Conditions, metav1.Condition{Type: condition.Type, Status: condition.Status, Reason: condition.Reason})
	}
	return out
}

// progressing returns the part of a status that changes with every pod that comes or goes.
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

// deferrable returns the part of a status that is written with the next write or when its
// interval is over.
func deferrable(status *v1alpha1.QueueWorkerStatus) v1alpha1.QueueWorkerStatus {
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

// backlogCounts returns the parts of a backlog that are news. An age is no news, but it
// is news whether the age is known.
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

// isKnown returns the same time for all known times.
func isKnown(at *metav1.Time) *metav1.Time {
	if at == nil {
		return nil
	}
	return &metav1.Time{}
}
