// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

const mebibyte = 1 << 20

// podOf returns the pod in a worker's name, which is POD/SLOT.
func podOf(name string) string {
	pod, _, _ := strings.Cut(name, "/")
	return pod
}

// worker converts an agent's report on a slot to the API's type.
func worker(queue string, pod *Pod, from *protocol.Worker) v1alpha1.Worker {
	out := v1alpha1.Worker{
		Name:      fmt.Sprintf("%s/%d", pod.Name, from.Slot),
		PID:       from.PID,
		State:     v1alpha1.WorkerState(from.State),
		Queue:     queue,
		Processed: from.Processed,
		Failed:    from.Failed,
	}
	if from.PID != 0 {
		out.StartedTime = ago(pod.AskedAt, from.AgeSeconds)
	}
	if from.MemoryBytes > 0 {
		out.Memory = resource.NewQuantity((from.MemoryBytes+mebibyte-1)/mebibyte*mebibyte, resource.BinarySI)
	}
	if from.PID != 0 {
		out.CPU = resource.NewMilliQuantity(int64(from.CPUCores*1000+0.5), resource.DecimalSI)
	}
	if from.Job != nil {
		out.CurrentJob = &v1alpha1.CurrentJob{Class: from.Job.Class, ID: from.Job.ID, StartedTime: ago(pod.AskedAt, from.Job.AgeSeconds)}
		if from.Job.Queue != "" {
			out.Queue = from.Job.Queue
		}
	}
	if from.LastExit != nil {
		out.LastExit = &v1alpha1.Exit{Reason: string(from.LastExit.Reason), Code: from.LastExit.Code, Message: from.LastExit.Message}
	}
	return out
}

// sameStart is how far apart two reports of one job's start may be. The status has whole
// seconds, and an answer takes some time to arrive.
const sameStart = 2 * time.Second

// name adds facts that the agent tells only the operator: the job's name and id, and the
// reason of the last exit. It takes them from the row of the status. The row must be of
// the same process and the same job, begun at the same time and after the same number of
// other jobs.
func name(live, row *v1alpha1.Worker) {
	if row == nil || live.PID == 0 || row.PID != live.PID {
		return
	}
	if sameExit(live.LastExit, row.LastExit) {
		live.LastExit = row.LastExit
	}
	if live.Processed == row.Processed && live.Failed == row.Failed && unnamed(live.CurrentJob) && sameJob(live.CurrentJob, row.CurrentJob) {
		live.CurrentJob.Class, live.CurrentJob.ID, live.Queue = row.CurrentJob.Class, row.CurrentJob.ID, row.Queue
	}
}

// sameExit reports whether two exits have the same reason and code.
func sameExit(a, b *v1alpha1.Exit) bool {
	return a != nil && b != nil && a.Reason == b.Reason && a.Code == b.Code
}

// unnamed reports whether there is a job without class and id.
func unnamed(job *v1alpha1.CurrentJob) bool { return job != nil && job.Class == "" && job.ID == "" }

// sameJob reports whether two jobs began at the same time; false if a start is unknown.
func sameJob(a, b *v1alpha1.CurrentJob) bool {
	return a != nil && b != nil && a.StartedTime != nil && b.StartedTime != nil && a.StartedTime.Sub(b.StartedTime.Time).Abs() <= sameStart
}

// maxAge limits an age that an agent reports, so that the start falls into this century.
const maxAge = 10 * 365 * 24 * time.Hour

// ago returns the time that is some seconds before now.
func ago(now time.Time, seconds float64) *metav1.Time {
	age := maxAge
	if seconds < maxAge.Seconds() {
		age = protocol.Duration(max(seconds, 0))
	}
	return new(metav1.NewTime(now.Add(-age)))
}
