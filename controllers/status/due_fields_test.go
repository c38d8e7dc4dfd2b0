// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// full returns a status in which every part is set.
func full() *v1alpha1.QueueWorkerStatus {
	at := metav1.NewTime(noon)
	return &v1alpha1.QueueWorkerStatus{
		Conditions:         []metav1.Condition{{Type: "Ready", Status: metav1.ConditionTrue, Reason: "AsWanted", Message: "It runs.", ObservedGeneration: 3, LastTransitionTime: at}},
		ObservedGeneration: 3, State: v1alpha1.StateActive, AppName: "shop", Selector: "a=b",
		Desired: 4, Processes: 4, Ready: 4, Busy: 2, Idle: 2, Failing: 1,
		Backlog: &v1alpha1.BacklogStatus{
			Ready: 3, Failed: new(int64(1)), OldestTime: &at, NextDueTime: &at,
			Queues: []v1alpha1.QueueBacklog{{Queue: "high", Ready: 3, OldestTime: &at}, {Queue: "low"}},
		},
		Autoscaling: &v1alpha1.AutoscalingStatus{Desired: 4, ArrivalRate: "1"},
		Batch:       &v1alpha1.BatchStatus{ActiveRun: "run-1", Runs: []v1alpha1.Run{{Name: "run-1", Processed: 1}}},
		Throughput:  &v1alpha1.Throughput{JobsPerMinute: "60"},
		Totals:      v1alpha1.Totals{Processed: 100, Failed: 1, Released: 1},
		Restarts:    []v1alpha1.RestartCount{{Reason: "MaxJobs", Count: 1}},
		OnFailing:   &v1alpha1.FailurePause{Cause: "Jobs fail."},
		Workers:     []v1alpha1.Worker{{Name: "emails-0/0", State: v1alpha1.WorkerIdle}},
		Accounted:   []v1alpha1.AccountedPod{{UID: "a", Name: "emails-0", Processed: 100}},
	}
}

// TestDueOfEachField: for each field of the status, how soon its change is written. A new
// field needs a row.
func TestDueOfEachField(t *testing.T) {
	const never = -1
	later := new(metav1.NewTime(noon.Add(time.Hour)))
	type s = *v1alpha1.QueueWorkerStatus
	tests := []struct {
		field  string
		change func(s)
		// interval is the shortest time between two writes of the change.
		interval time.Duration
	}{
		{"ObservedGeneration", func(s s) { s.ObservedGeneration++ }, 0},
		{"State", func(s s) { s.State = v1alpha1.StateFailing }, 0},
		{"State of quick jobs", func(s s) { s.State = v1alpha1.StateIdle }, ReportInterval},
		{"AppName", func(s s) { s.AppName = "" }, 0},
		{"Selector", func(s s) { s.Selector = "a=c" }, 0},
		{"Desired", func(s s) { s.Desired++ }, 0},
		{"Failing", func(s s) { s.Failing-- }, 0},
		{"OnFailing", func(s s) { s.OnFailing.Paused = true }, 0},
		{"OnFailing ends", func(s s) { s.OnFailing = nil }, 0},
		{"Batch", func(s s) { s.Batch.ActiveRun = "" }, 0},
		{"Batch is gone", func(s s) { s.Batch = nil }, 0},
		{"Batch counts", func(s s) { s.Batch.Runs[0].Processed++ }, ReportInterval},
		{"Batch failures", func(s s) { s.Batch.Runs[0].Failed++ }, ReportInterval},
		{"Conditions' status", func(s s) { s.Conditions[0].Status = metav1.ConditionFalse }, 0},
		{"Conditions' reason", func(s s) { s.Conditions[0].Reason = "Stopped" }, 0},
		{"Conditions are one less", func(s s) { s.Conditions = nil }, 0},
		{"Conditions' wording", func(s s) { s.Conditions[0].Message = "It still runs." }, ProgressInterval},
		{"Conditions' generation", func(s s) { s.Conditions[0].ObservedGeneration++ }, ProgressInterval},
		{"Conditions' time alone", func(s s) { s.Conditions[0].LastTransitionTime = *later }, never},
		{"Processes", func(s s) { s.Processes++ }, ProgressInterval},
		{"Ready", func(s s) { s.Ready-- }, ProgressInterval},
		{"Accounted pod comes", func(s s) { s.Accounted = append(s.Accounted, v1alpha1.AccountedPod{UID: "b"}) }, ProgressInterval},
		{"Accounted pod goes", func(s s) { s.Accounted = nil }, ProgressInterval},
		{"Accounted pod reports", func(s s) { s.Accounted[0].Reported = true }, ProgressInterval},
		{"Accounted counts alone", func(s s) { s.Accounted[0].Processed++ }, never},
		{"Busy", func(s s) { s.Busy++ }, ReportInterval},
		{"Idle", func(s s) { s.Idle++ }, ReportInterval},
		{"Throughput", func(s s) { s.Throughput.JobsPerMinute = "61" }, ReportInterval},
		{"Totals processed", func(s s) { s.Totals.Processed++ }, ReportInterval},
		{"Totals released", func(s s) { s.Totals.Released++ }, ReportInterval},
		{"Totals lost a pod", func(s s) { s.Totals.UnaccountedWorkers++ }, 0},
		{"Restarts", func(s s) { s.Restarts[0].Count++ }, ReportInterval},
		{"Backlog", func(s s) { s.Backlog.Ready++ }, ReportInterval},
		{"Backlog is gone", func(s s) { s.Backlog = nil }, ReportInterval},
		{"Backlog of a queue", func(s s) { s.Backlog.Queues[1].Delayed++ }, ReportInterval},
		{"Backlog's failed are unknown", func(s s) { s.Backlog.Failed = nil }, ReportInterval},
		{"Backlog's age is unknown", func(s s) { s.Backlog.OldestTime = nil }, ReportInterval},
		{"Backlog's age", func(s s) { s.Backlog.OldestTime = later }, never},
		{"Backlog's age of a queue", func(s s) { s.Backlog.Queues[0].OldestTime = later }, never},
		{"Backlog's next job", func(s s) { s.Backlog.NextDueTime = later }, never},
		{"Autoscaling", func(s s) { s.Autoscaling.ArrivalRate = "2" }, ReportInterval},
		{"Workers", func(s s) { s.Workers[0].PID = 8 }, never},
	}
	covered := map[string]bool{}
	for _, tc := range tests {
		covered[strings.TrimSuffix(strings.Fields(tc.field)[0], "'s")] = true
		covered[strings.TrimSuffix(strings.Fields(tc.field)[0], "'")] = true
		t.Run(tc.field, func(t *testing.T) {
			before, after := full(), full()
			tc.change(after)
			due := func(ago time.Duration) (bool, time.Duration) {
				return Due(before, after, noon, Writes{Any: noon.Add(-ago), OfJobs: noon.Add(-ago)})
			}
			switch tc.interval {
			case never:
				if write, wait := due(time.Hour); write || wait != 0 {
					t.Errorf("it causes a write: %t, %s", write, wait)
				}
			case 0:
				if write, wait := due(0); !write || wait != 0 {
					t.Errorf("it is not written at once: %t, %s", write, wait)
				}
			default:
				if write, wait := due(tc.interval); !write || wait != 0 {
					t.Errorf("it is not written after %s: %t, %s", tc.interval, write, wait)
				}
				if write, wait := due(tc.interval - 1); write || wait != 1 {
					t.Errorf("a moment before it is %t, %s", write, wait)
				}
				if write, wait := due(0); write || wait != tc.interval {
					t.Errorf("just after a write it is %t, %s", write, wait)
				}
			}
		})
	}
	for field := range reflect.TypeFor[v1alpha1.QueueWorkerStatus]().Fields() {
		if !covered[field.Name] {
			t.Errorf("no row says when a change of %s is written", field.Name)
		}
	}
}

// TestJobsAreTimedFromJobs: a write for another reason does not put off the figures of
// jobs, and figures of jobs do not put off the numbers of pods.
func TestJobsAreTimedFromJobs(t *testing.T) {
	before, jobs, pods := full(), full(), full()
	jobs.Totals.Processed++
	pods.Ready--
	if write, wait := Due(before, jobs, noon, Writes{Any: noon, OfJobs: noon.Add(-ReportInterval)}); !write || wait != 0 {
		t.Errorf("jobs after a write of pods: %t, %s", write, wait)
	}
	if write, wait := Due(before, pods, noon, Writes{Any: noon.Add(-ProgressInterval), OfJobs: noon}); !write || wait != 0 {
		t.Errorf("pods after a write of jobs: %t, %s", write, wait)
	}
	for name, change := range map[string]func(*v1alpha1.QueueWorkerStatus){
		"totals":      func(s *v1alpha1.QueueWorkerStatus) { s.Totals.Failed++ },
		"busy":        func(s *v1alpha1.QueueWorkerStatus) { s.Busy++ },
		"autoscaling": func(s *v1alpha1.QueueWorkerStatus) { s.Autoscaling = nil },
		"backlog":     func(s *v1alpha1.QueueWorkerStatus) { s.Backlog.Reserved++ },
	} {
		after := full()
		if change(after); !TellsOfJobs(full(), after) {
			t.Errorf("a write with other %s tells of jobs", name)
		}
	}
	for name, change := range map[string]func(*v1alpha1.QueueWorkerStatus){
		"size":     func(s *v1alpha1.QueueWorkerStatus) { s.Desired, s.Ready, s.Failing = 9, 9, 9 },
		"an age":   func(s *v1alpha1.QueueWorkerStatus) { s.Backlog.OldestTime = new(metav1.NewTime(noon.Add(time.Hour))) },
		"restarts": func(s *v1alpha1.QueueWorkerStatus) { s.Restarts[0].Count++ },
	} {
		after := full()
		if change(after); TellsOfJobs(full(), after) {
			t.Errorf("a write with another %s tells of no jobs", name)
		}
	}
}
