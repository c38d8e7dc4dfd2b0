// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/test/lab"
)

// TestPluginSteersBatches scales, pauses and stops a pool of mode Batch that keeps the
// pods of an ended run. The plugin refuses a command that the run's Job would undo.
func TestPluginSteersBatches(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.StartRedis()
	app := l.DemoApp()
	app.Spec.Connection.Driver = v1alpha1.DriverNone // a run ends when its workers find no jobs
	l.StartDemo(app)
	l.Create(batchPool(l, "nightly", func(spec *v1alpha1.QueueWorkerSpec) {
		spec.Queue, spec.Processes, spec.Timeout = "nightly", new(int32(1)), &metav1.Duration{Duration: time.Minute}
	}))
	history := complete(l, "nightly", 1, 2*time.Minute)
	user := l.Plugin()
	if said := user.Run("scale", "nightly", "--processes", "2", "--wait"); said.Code != 0 || !strings.Contains(said.Err, "the size counts from the next run") {
		t.Errorf("scale said %+v", said)
	}
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "8", Queue: "nightly", Count: 2, Run: "first"})
	user.OK("run", "nightly")
	begun(l, "first", 2) // by two workers at once, so the new size counts
	var pod string
	for _, worker := range l.Pods("nightly") {
		if worker.Status.Phase == corev1.PodRunning {
			pod = worker.Name
		}
	}
	before := l.Worker("nightly")
	for line, want := range map[string]string{
		"stop --worker POD":      "makes the worker take no more jobs",
		"restart nightly --pods": "restarts the processes in them",
	} {
		said := user.Run(strings.Fields(strings.ReplaceAll(line, "POD", pod))...)
		if said.Code != cli.CodeUsage || !strings.Contains(said.Err, "is of mode Batch") || !strings.Contains(said.Err, want) {
			t.Errorf("%s said %+v", line, said)
		}
	}
	if now := l.Worker("nightly"); now.Generation != before.Generation || len(now.Annotations) != len(before.Annotations) {
		t.Errorf("what was refused was done: %+v", now)
	}
	user.OK("pause", "nightly", "--wait")
	if truth := l.Truth("first"); truth.Starts != 2 || truth.Ends != 2 {
		t.Errorf("paused, the jobs counted %+v, want 2 begun and done", truth)
	}
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "4", Queue: "nightly", Count: 40, Run: "second"})
	user.OK("resume", "nightly", "--wait")
	begun(l, "second", 2)

	user.OK("stop", "nightly", "--wait", "--timeout", "100s")
	if truth := l.Truth("second"); truth.Starts != truth.Ends || truth.Ends == 40 {
		t.Errorf("stopped, the jobs counted %+v", truth)
	}
	l.Eventually("the run was stopped", 30*time.Second, func() (bool, string) { // its Job is deleted after its pods
		batch := l.Worker("nightly").Status.Batch
		return batch.ActiveRun == "" && batch.Runs[0].Outcome == v1alpha1.RunStopped, describeBatch(batch)
	})
	checkPods(l, history, 1)
	user.OK("start", "nightly", "--wait")
	if worker := l.Worker("nightly"); worker.Spec.Stopped || *worker.Spec.Processes != 2 {
		t.Errorf("started, it is %+v", worker.Spec)
	}
}

// TestPluginCreatesBatches creates a pool that runs on a schedule.
func TestPluginCreatesBatches(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Plugin().OK("create", "nightly", "--queue", "nightly", "--mode", "Batch", "--schedule", "30 2 * * *", "--time-zone", "Europe/Berlin", "--wait-for-delayed=false")
	spec := l.Worker("nightly").Spec
	if batch := spec.Batch; spec.Mode != v1alpha1.ModeBatch || batch == nil || batch.Schedule != "30 2 * * *" || batch.TimeZone != "Europe/Berlin" || *batch.WaitForDelayed {
		t.Fatalf("created %+v", spec)
	}
	l.Eventually("its next run is known", time.Minute, func() (bool, string) {
		batch := l.Worker("nightly").Status.Batch
		return batch != nil && batch.NextScheduleTime != nil, describeBatch(batch)
	})
	if said := l.Plugin().OK("explain", "nightly"); !strings.Contains(said, "by the schedule 30 2 * * *") {
		t.Errorf("explain says %s", said)
	}
}
