// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// TestALiveJobHasItsNameFromTheStatus: only if the status is of the same job.
func TestALiveJobHasItsNameFromTheStatus(t *testing.T) {
	const class = `App\Jobs\Export`
	asked := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	row := func() v1alpha1.Worker {
		return v1alpha1.Worker{
			Name: "emails-worker-a/0", PID: 7, Processed: 3, Failed: 1, Queue: "exports",
			CurrentJob: &v1alpha1.CurrentJob{Class: class, ID: "42", StartedTime: new(metav1.NewTime(asked.Add(-30 * time.Second)))},
			LastExit:   &v1alpha1.Exit{Reason: "Crashed", Code: 255, Message: "It failed: out of ideas."},
		}
	}
	for name, tc := range map[string]struct {
		change func(row *v1alpha1.Worker, live *protocol.Worker)
		named  bool
		exit   bool
	}{
		"the same job":                  {func(*v1alpha1.Worker, *protocol.Worker) {}, true, true},
		"another process":               {func(row *v1alpha1.Worker, _ *protocol.Worker) { row.PID = 8 }, false, false},
		"a later job":                   {func(_ *v1alpha1.Worker, live *protocol.Worker) { live.Job.AgeSeconds = 2 }, false, true},
		"a job was done since":          {func(_ *v1alpha1.Worker, live *protocol.Worker) { live.Processed++ }, false, true},
		"a job has failed since":        {func(_ *v1alpha1.Worker, live *protocol.Worker) { live.Failed++ }, false, true},
		"the status saw it idle":        {func(row *v1alpha1.Worker, _ *protocol.Worker) { row.CurrentJob = nil }, false, true},
		"it has crashed otherwise":      {func(_ *v1alpha1.Worker, live *protocol.Worker) { live.LastExit.Code = 1 }, true, false},
		"the status knows no such slot": {func(row *v1alpha1.Worker, _ *protocol.Worker) { row.Name = "emails-worker-a/1" }, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			pool := v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "emails"}}
			known, live := row(), protocol.Worker{
				PID: 7, State: protocol.WorkerBusy, Processed: 3, Failed: 1, Job: &protocol.Job{AgeSeconds: 30.4},
				LastExit: &protocol.Exit{Reason: protocol.ExitCrashed, Code: 255, Message: "It ended with exit code 255."},
			}
			tc.change(&known, &live)
			pool.Status.Workers = []v1alpha1.Worker{known}
			s := &Snapshot{Pools: []v1alpha1.QueueWorker{pool}, Pods: []Pod{{
				Namespace: "shop", Name: "emails-worker-a", Pool: "emails", Phase: corev1.PodRunning, AskedAt: asked,
				Answer: &protocol.Status{Workers: []protocol.Worker{live}},
			}}}
			got := s.PoolWorkers(&s.Pools[0])
			if len(got) != 1 || !got[0].Live || got[0].CurrentJob == nil {
				t.Fatalf("the rows are %+v", got)
			}
			if named := got[0].CurrentJob.Class == class && got[0].CurrentJob.ID == "42"; named != tc.named {
				t.Errorf("the job is %+v", got[0].CurrentJob)
			}
			if told := got[0].LastExit.Message == "It failed: out of ideas."; told != tc.exit {
				t.Errorf("the last exit is %+v", got[0].LastExit)
			}
		})
	}
}
