// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os/exec"
	"strconv"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// endsWithin is how soon after its last job a run must be complete.
const endsWithin = 15 * time.Second

// batchPool returns a pool of mode Batch of the demo application.
func batchPool(l *lab.Lab, name string, change func(*v1alpha1.QueueWorkerSpec)) *v1alpha1.QueueWorker {
	return builders.QueueWorker(l.Namespace, name).Processes(4).Timeout(10 * time.Second).Spec(func(spec *v1alpha1.QueueWorkerSpec) {
		spec.Mode, spec.Tries = v1alpha1.ModeBatch, new(int32(3))
		if change != nil {
			change(spec)
		}
	}).Obj()
}

// complete waits until a pool has this number of complete runs and no active one, and
// returns the Job of the last run.
func complete(l *lab.Lab, name string, runs int, within time.Duration) *batchv1.Job {
	l.Helper()
	l.Eventually(fmt.Sprintf("%s has completed %d run(s)", name, runs), within, func() (bool, string) {
		worker := l.Worker(name)
		found := condition(l, name, v1alpha1.ConditionComplete)
		status := worker.Status.Batch
		return status != nil && len(status.Runs) == runs && status.ActiveRun == "" && found.Status == metav1.ConditionTrue,
			fmt.Sprintf("%s, %+v", worker.Status.State, status)
	})
	job := &batchv1.Job{}
	l.Get(l.Worker(name).Status.Batch.Runs[0].Name, job)
	return job
}

// checkPods fails the test unless every pod of a run has succeeded.
func checkPods(l *lab.Lab, job *batchv1.Job, want int) {
	l.Helper()
	pods := &corev1.PodList{}
	if err := l.Client.List(l.Ctx, pods, client.InNamespace(l.Namespace), client.MatchingLabels{batchv1.JobNameLabel: job.Name}); err != nil {
		l.Fatal(err)
	}
	if len(pods.Items) != want {
		l.Errorf("the run %s has %d pods, want %d", job.Name, len(pods.Items), want)
	}
	for i := range pods.Items {
		if pod := &pods.Items[i]; pod.Status.Phase != corev1.PodSucceeded {
			l.Errorf("pod %s is %s", pod.Name, pod.Status.Phase)
		}
	}
}

// lastDone returns when the last job of a run in the ledger was done.
func lastDone(l *lab.Lab, run string) time.Time {
	var last time.Time
	for _, times := range l.Times(run) {
		if times.Done.After(last) {
			last = times.Done
		}
	}
	return last
}

// killBusy kills with SIGKILL a process of the pool that has worked on a job for two
// seconds; only slow jobs take that long. The agent tells only the operator which job it
// is.
func killBusy(l *lab.Lab, pool string) {
	l.Helper()
	l.Eventually("a slow job is killed in its middle", time.Minute, func() (bool, string) {
		for _, pod := range l.Pods(pool) {
			status, err := l.Agent(&pod)
			if err != nil {
				continue
			}
			for _, worker := range status.Workers {
				if worker.Job != nil && worker.Job.AgeSeconds > 2 {
					output, err := l.Exec(pod.Name, "php", "-r", fmt.Sprintf("posix_kill(%d, 9) or exit(1);", worker.PID))
					return err == nil, output
				}
			}
		}
		return false, "nobody works on one"
	})
}

// TestARunEndsWhenItsQueueIsReallyDone processes 500 jobs with 4 workers. One worker is
// killed in the middle of a job, which comes back after retry_after. Another job waits 20
// s for its second attempt.
func TestARunEndsWhenItsQueueIsReallyDone(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.StartRedis()
	app := l.DemoApp()
	app.Spec.Connection.RetryAfter = &metav1.Duration{Duration: 15 * time.Second}
	setEnv(app, "REDIS_QUEUE_RETRY_AFTER", "15")
	l.StartDemo(app)
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "6", Run: "night", Tries: 3})
	l.Dispatch(lab.Jobs{Kind: "failing", Arg: "1", Run: "night", Tries: 3})
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "0.02", Count: 498, Run: "night"})
	l.Create(batchPool(l, "night", func(spec *v1alpha1.QueueWorkerSpec) {
		spec.Backoff = []metav1.Duration{{Duration: 20 * time.Second}}
	}))
	killBusy(l, "night")

	job := complete(l, "night", 1, 2*time.Minute)
	truth := l.Truth("night")
	if truth.Ends != 500 || truth.Failed != 0 {
		t.Errorf("when the run was complete, %+v of 500 jobs", truth)
	}
	if truth.Starts != 502 {
		t.Errorf("the jobs were begun %d times, want 502: one was killed and one threw", truth.Starts)
	}
	took := job.Status.CompletionTime.Sub(lastDone(l, "night"))
	if took > endsWithin {
		t.Errorf("the Job was complete %s after the last job, want %s", took, endsWithin)
	}
	checkPods(l, job, 4)
	worker := l.Worker("night")
	if run := worker.Status.Batch.Runs[0]; run.Processed != 500 || run.Failed != 0 || run.Outcome != v1alpha1.RunComplete {
		t.Errorf("the status tells of the run %+v", run)
	}
	if killed := endsBy(worker, "Killed"); killed != 1 {
		t.Errorf("the status tells of %d killed processes, want 1", killed)
	}
	columns := kubectlGet(l, "night")
	if columns["STATE"] != "Idle" || columns["PROCESSES"] != "0" {
		t.Errorf("kubectl get shows %v, want the state Idle and no processes", columns)
	}
	t.Logf("500 jobs, 4 workers: Job complete %s after the last job, %s after it was created", took.Round(100*time.Millisecond), job.Status.CompletionTime.Sub(job.CreationTimestamp.Time))

	t.Run("and again on request", func(t *testing.T) {
		l := l.In(t)
		l.Dispatch(lab.Jobs{Kind: "quick", Count: 20, Run: "again"})
		output, err := exec.CommandContext(l.Ctx, "kubectl", "annotate", "queueworker", "night", "--namespace", l.Namespace,
			v1alpha1.AnnotationRunAt+"="+strconv.FormatInt(time.Now().Unix(), 10)).CombinedOutput()
		if err != nil {
			t.Fatalf("kubectl annotate: %v: %s", err, output)
		}
		job := complete(l, "night", 2, time.Minute)
		if truth := l.Truth("again"); truth.Ends != 20 {
			t.Errorf("when the run was complete, %+v of 20 jobs", truth)
		}
		checkPods(l, job, 4)
	})
}

func endsBy(worker *v1alpha1.QueueWorker, reason string) int64 {
	for _, restart := range worker.Status.Restarts {
		if restart.Reason == reason {
			return restart.Count
		}
	}
	return 0
}

// TestARunWithoutADriverEndsByItself has workers that end when they find their queue
// empty. They are restarted after any other exit.
func TestARunWithoutADriverEndsByItself(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.StartRedis()
	app := l.DemoApp()
	app.Spec.Connection.Driver = v1alpha1.DriverNone
	l.StartDemo(app)
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "0.05", Count: 100, Run: "alone"})
	l.Dispatch(lab.Jobs{Kind: "fatal", Run: "fatal", Tries: 1})
	l.Create(batchPool(l, "alone", func(spec *v1alpha1.QueueWorkerSpec) {
		spec.ProcessesPerPod, spec.MaxJobs = 2, 10
	}))
	job := complete(l, "alone", 1, 90*time.Second)
	if truth := l.Truth("alone"); truth.Ends != 100 {
		t.Errorf("when the run was complete, %+v of 100 jobs", truth)
	}
	checkPods(l, job, 2)
	worker := l.Worker("alone")
	if finished, crashed := endsBy(worker, "Finished"), endsBy(worker, "Crashed"); finished < 4 || crashed != 1 {
		t.Errorf("the status tells of %d processes that found the queue empty and %d that crashed, want at least 4 and 1", finished, crashed)
	}
	if processed := worker.Status.Totals.Processed; processed != 100 {
		t.Errorf("the status tells of %d jobs, want 100", processed)
	}
}

// TestAScheduleRunsEveryMinute waits for one run of the schedule, or in the long form for
// two.
func TestAScheduleRunsEveryMinute(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(batchPool(l, "minutely", func(spec *v1alpha1.QueueWorkerSpec) {
		spec.Processes, spec.Batch = new(int32(1)), &v1alpha1.Batch{Schedule: "* * * * *", TimeZone: "Europe/Berlin"}
	}))
	for n := range lab.Either(2, 1) {
		run := fmt.Sprint("minute", n)
		l.Dispatch(lab.Jobs{Kind: "quick", Count: 5, Run: run})
		job := complete(l, "minutely", n+1, 2*time.Minute)
		if truth := l.Truth(run); truth.Ends != 5 {
			t.Errorf("when run %d was complete, %+v of 5 jobs", n, truth)
		}
		status := l.Worker("minutely").Status.Batch
		due := status.LastScheduleTime
		if due == nil || due.Second() != 0 {
			t.Fatalf("the last time of the schedule is %v", due)
		}
		if late := job.CreationTimestamp.Sub(due.Time); late < 0 || late > 20*time.Second {
			t.Errorf("the run of %s began %s late", due, late)
		}
		t.Logf("run %d: due %s, begun %s, complete %s", n, due.UTC().Format(time.TimeOnly), job.CreationTimestamp.UTC().Format(time.TimeOnly), job.Status.CompletionTime.UTC().Format(time.TimeOnly))
	}
}
