// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestRecyclingIsNoCrash: a process that ends after maxJobs is replaced at once, and its
// container is not restarted. `make bench` measures how fast that is.
func TestRecyclingIsNoCrash(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "quick").MaxJobs(500).Obj())
	l.Ready("quick", 2*time.Minute)

	jobs := lab.Either(20_000, 5_000)
	l.Dispatch(lab.Jobs{Kind: "quick", Count: jobs, Run: "recycle"})
	l.Settled("recycle", 3*time.Minute)

	want := int64(jobs / 500)
	l.Eventually(fmt.Sprintf("the status tells of %d recycles", want), 2*time.Minute, func() (bool, string) {
		status := l.Worker("quick").Status
		return restartsFor(status.Restarts, protocol.ExitMaxJobs) == want && status.Totals.Processed == int64(jobs), fmt.Sprintf("%+v %+v", status.Restarts, status.Totals)
	})
	pods := l.Pods("quick")
	if len(pods) != 1 {
		t.Fatalf("the pool has %d pods, want 1", len(pods))
	}
	if container := pods[0].Status.ContainerStatuses[0]; container.RestartCount != 0 || !container.Ready {
		t.Errorf("the container restarted %d times and is %+v", container.RestartCount, container.State)
	}
}
