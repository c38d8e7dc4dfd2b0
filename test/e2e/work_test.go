// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestWorkersDoJobs tests the main promise: a QueueApp and a QueueWorker produce workers
// that do jobs, and the status reports the jobs they did.
func TestWorkersDoJobs(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Queue("emails,default").Processes(2).Obj())
	l.Ready("emails", 2*time.Minute)
	l.State("emails", v1alpha1.StateIdle, time.Minute)

	l.Dispatch(lab.Jobs{Kind: "quick", Count: 300, Queue: "emails", Run: "work"})
	l.Dispatch(lab.Jobs{Kind: "failing", Count: 20, Queue: "default", Run: "work"})
	truth := l.Settled("work", time.Minute)

	l.Eventually("the status tells of all jobs", 90*time.Second, func() (bool, string) {
		totals := l.Worker("emails").Status.Totals
		return totals.Processed == truth.Ends && totals.Failed == truth.Failed, fmt.Sprintf("%+v, truth %+v", totals, truth)
	})
	status := l.Worker("emails").Status
	if status.Throughput == nil || status.Throughput.JobsPerMinute == "0.0" || status.Throughput.AverageTime == "" {
		t.Errorf("throughput is %+v, want figures", status.Throughput)
	}
	if len(status.Workers) != 2 {
		t.Errorf("the worker table has %d rows, want 2: %+v", len(status.Workers), status.Workers)
	}
	for _, pod := range l.Pods("emails") {
		for _, container := range pod.Status.ContainerStatuses {
			if container.RestartCount != 0 {
				t.Errorf("container %s of %s restarted %d times", container.Name, pod.Name, container.RestartCount)
			}
		}
	}
}
