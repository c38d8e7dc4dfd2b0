// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package shop has a namespace as a user interface reads it: an autoscaled pool, a paused
// pool, a Batch pool, and a pool whose QueueApp is missing.
package shop

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/test/builders"
)

// Now is the present time.
var Now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Before returns a time before Now.
func Before(d time.Duration) *metav1.Time { return new(metav1.NewTime(Now.Add(-d))) }

// Condition returns a condition that has held for ten minutes.
func Condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: *Before(10 * time.Minute)}
}

// Snapshot is the namespace, with the answer of one of two pods.
func Snapshot() *view.Snapshot {
	app := builders.QueueApp("shop", "shop").Connection("redis").Driver(v1alpha1.DriverRedis).MaxProcesses(20).Obj()
	app.Spec.Runtime = v1alpha1.RuntimeLaravel
	app.Status = v1alpha1.QueueAppStatus{
		Images: []v1alpha1.CheckedImage{{Image: "registry.example.com/shop:1.4.2", Version: "8.83.26"}},
		Conditions: []metav1.Condition{
			Condition(v1alpha1.ConditionPreflightPassed, metav1.ConditionFalse, v1alpha1.ReasonNotPassed, "LogsVisible is not kept."),
			Condition("PcntlAvailable", metav1.ConditionTrue, v1alpha1.ReasonPassed, "pcntl is there."),
			Condition("LogsVisible", metav1.ConditionFalse, v1alpha1.ReasonNotPassed, "The log channel drops what is logged. Set LOG_CHANNEL=stderr."),
		},
	}
	return &view.Snapshot{
		Time: Now, Apps: []v1alpha1.QueueApp{*app},
		Pools: []v1alpha1.QueueWorker{*Emails(), *Reports(), *Nightly(), *Lost()},
		Pods: []view.Pod{
			{Namespace: "shop", Name: "emails-worker-7c9-aaaaa", UID: "a", Pool: "emails", Phase: corev1.PodRunning, AskedAt: Now, Answer: Answer("a")},
			{Namespace: "shop", Name: "emails-worker-7c9-bbbbb", UID: "b", Pool: "emails", Phase: corev1.PodRunning, AskedAt: Now, Silence: "context deadline exceeded"},
		},
	}
}

// Answer is what the agent of a pod answers.
func Answer(uid string) *protocol.Status {
	return &protocol.Status{PodUID: uid, Counters: protocol.Counters{Processed: 120}, Workers: []protocol.Worker{
		{
			PID: 28, State: protocol.WorkerBusy, AgeSeconds: 300, Processed: 118, Failed: 2, MemoryBytes: 84 << 20, CPUCores: 0.12,
			Job: &protocol.Job{ID: "149kPViP", Class: `App\Jobs\SendMail`, Queue: "high", AgeSeconds: 3},
		},
		{Slot: 1, State: protocol.WorkerBackingOff, LastExit: &protocol.Exit{Reason: protocol.ExitCrashed, Code: 255, Message: "Fatal \x1b[31merror"}},
	}}
}

// Emails is an autoscaled pool at its maximum.
func Emails() *v1alpha1.QueueWorker {
	pool := builders.QueueWorker("shop", "emails").App("shop").Queue("high,default").Autoscaling(1, 8, nil).Obj()
	pool.CreationTimestamp = *Before(72 * time.Hour)
	pool.Generation = 3
	pool.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: v1alpha1.FieldManager, Subresource: "status", Time: Before(23 * time.Second)}}
	pool.Status = v1alpha1.QueueWorkerStatus{
		ObservedGeneration: 3, State: v1alpha1.StateActive, AppName: "shop", Desired: 4, Processes: 4, Ready: 3, Busy: 2, Idle: 1, Failing: 1,
		Backlog: &v1alpha1.BacklogStatus{
			Ready: 18, Delayed: 3, Reserved: 2, Failed: new(int64(7)), OldestTime: Before(4 * time.Second), NextDueTime: Before(-90 * time.Second),
			Queues: []v1alpha1.QueueBacklog{{Queue: "high", Ready: 2, Reserved: 2}, {Queue: "default", Ready: 16, Delayed: 3}},
		},
		Throughput: &v1alpha1.Throughput{JobsPerMinute: "118.4", AverageTime: "0.92s", FailedShare: "0.2%"},
		Totals:     v1alpha1.Totals{Processed: 1203, Failed: 2, Released: 5},
		Restarts:   []v1alpha1.RestartCount{{Reason: "MaxJobs", Count: 12}, {Reason: "Memory", Count: 1}},
		Autoscaling: &v1alpha1.AutoscalingStatus{
			Desired: 4, Reason: "Demand", LimitedBy: "Maximum", ArrivalRate: "1.9", ServiceTime: "0.92s", Utilisation: "71%", TimeToClear: "45s",
			Message: "4 processes: 114 jobs a minute arrive and take 0.92s each.",
			Decisions: []v1alpha1.ScalingDecision{
				{Time: *Before(3 * time.Minute), From: 2, To: 4, Reason: "Demand", Message: "4 processes: much waits."},
				{Time: *Before(2 * time.Hour), From: 1, To: 2, Reason: "Demand"},
			},
		},
		Workers: []v1alpha1.Worker{
			{Name: "emails-worker-7c9-aaaaa/0", State: v1alpha1.WorkerIdle, Processed: 1},
			{Name: "emails-worker-7c9-bbbbb/0", PID: 31, State: v1alpha1.WorkerIdle, StartedTime: Before(time.Hour), Queue: "high,default", Processed: 40, Memory: new(resource.MustParse("64Mi")), CPU: new(resource.MustParse("2m"))},
			{Name: "emails-worker-7c9-gone0/0", State: v1alpha1.WorkerBusy},
		},
		Conditions: []metav1.Condition{
			Condition(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAsWanted, "4 processes run."),
			Condition(v1alpha1.ConditionPaused, metav1.ConditionFalse, v1alpha1.ReasonNotPaused, "The workers take jobs."),
			Condition(v1alpha1.ConditionScalingLimited, metav1.ConditionTrue, v1alpha1.ReasonMaximum, "The pool has at most 8 processes (spec.autoscaling.maxProcesses)."),
			Condition(v1alpha1.ConditionAgentsReporting, metav1.ConditionFalse, v1alpha1.ReasonUnreachable, "emails-worker-7c9-bbbbb does not answer."),
			Condition(v1alpha1.ConditionFailuresHigh, metav1.ConditionTrue, v1alpha1.ReasonAboveThreshold, "12% of the jobs fail."),
		},
	}
	return pool
}

// Reports is a paused pool.
func Reports() *v1alpha1.QueueWorker {
	pool := builders.QueueWorker("shop", "reports").App("shop").Queue("reports").Processes(2).PerPod(2).Paused(true).Obj()
	pool.Generation = 2
	pool.Status = v1alpha1.QueueWorkerStatus{
		ObservedGeneration: 1, State: v1alpha1.StatePaused, AppName: "shop", Desired: 2, Processes: 2, Ready: 2,
		Conditions: []metav1.Condition{Condition(v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPaused, "Paused.")},
	}
	return pool
}

// Nightly is a Batch pool between its runs.
func Nightly() *v1alpha1.QueueWorker {
	pool := builders.QueueWorker("shop", "nightly").App("shop").Queue("nightly").Processes(4).Obj()
	pool.Spec.Mode = v1alpha1.ModeBatch
	pool.Status = v1alpha1.QueueWorkerStatus{
		ObservedGeneration: 1, State: v1alpha1.StateIdle, AppName: "shop",
		Batch: &v1alpha1.BatchStatus{
			NextScheduleTime: Before(-2 * time.Hour), Schedule: "30 2 * * *", LastSuccessfulTime: Before(20 * time.Hour),
			Runs: []v1alpha1.Run{
				{Name: "nightly-2", Started: *Before(21 * time.Hour), Ended: Before(20 * time.Hour), Outcome: v1alpha1.RunComplete, Processed: 500},
				{Name: "nightly-1", Started: *Before(45 * time.Hour), Ended: Before(44 * time.Hour), Outcome: v1alpha1.RunFailed, Processed: 12, Failed: 3},
			},
		},
	}
	return pool
}

// Lost is a stopped pool without a QueueApp.
func Lost() *v1alpha1.QueueWorker {
	pool := builders.QueueWorker("shop", "lost").App("typo").Queue("lost").Stopped(true).Obj()
	pool.Status = v1alpha1.QueueWorkerStatus{
		ObservedGeneration: 1, State: v1alpha1.StateStopped,
		Conditions: []metav1.Condition{Condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonAppNotFound, "There is no QueueApp \"typo\".")},
	}
	return pool
}
