// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestAPoisonedQueuePausesItsPool makes every job of a queue throw. Within 10 s of the
// third failure the pool reports it, with the job's class, and pauses itself. It takes no
// more jobs from the queue until a user resumes it.
func TestAPoisonedQueuePausesItsPool(t *testing.T) {
	for dialect, exception := range map[string]string{"brackets": "", "json": "RuntimeException"} {
		t.Run(dialect, func(t *testing.T) {
			t.Parallel()
			l := lab.New(t)
			l.StartRedis()
			app := l.DemoApp()
			if dialect == "json" {
				setEnv(app, "DEMO_JSON", "1")
			}
			l.StartDemo(app)
			l.Create(builders.QueueWorker(l.Namespace, "mail").App("demo").Sleep(time.Second).
				MaxExceptions(3).OnFailing(v1alpha1.OnFailingPause).Obj())
			l.Ready("mail", time.Minute)

			l.Dispatch(lab.Jobs{Kind: "failing", Count: 500, Run: "poison"})
			third := failureNumber(l, "poison", 3)
			alert := awaitAlert(l, "mail", 15*time.Second, v1alpha1.ConditionWorkersFailing, v1alpha1.ConditionFailuresHigh)
			took := time.Since(third)
			t.Logf("%s after %s: %s", alert.Type, took.Round(100*time.Millisecond), alert.Message)
			if took > 10*time.Second {
				t.Errorf("the pool said that its jobs fail %s after the third failure, want within 10 s", took)
			}
			for _, want := range []string{`App\Jobs\FailingJob`, exception} {
				if note := awaitEvent(l, "mail", alert.Type); !strings.Contains(note, want) {
					t.Errorf("the event %s says %q, want %q in it", alert.Type, note, want)
				}
			}

			l.Eventually("the pool is paused", 20*time.Second, func() (bool, string) {
				worker := l.Worker("mail")
				paused := meta.FindStatusCondition(worker.Status.Conditions, v1alpha1.ConditionPaused)
				return paused != nil && paused.Status == metav1.ConditionTrue && paused.Reason == v1alpha1.ReasonPausedByFailing, fmt.Sprintf("%+v", paused)
			})
			awaitEvent(l, "mail", v1alpha1.EventPausedByFailing)
			if worker := l.Worker("mail"); worker.Spec.Paused || worker.Generation != 1 {
				t.Errorf("the operator has written the spec: %+v", worker.Spec)
			}

			// Repair the fault: empty the queue and dispatch good jobs.
			l.Artisan("queue:clear", "redis", "--queue=default", "--force")
			lost := l.Truth("poison").Failed
			l.Dispatch(lab.Jobs{Kind: "quick", Count: 20, Run: "good"})
			waiting, err := l.Redis.LLen(l.Ctx, "laravel_database_queues:default").Result()
			if err != nil || waiting != 20 {
				t.Errorf("%d of the 20 good jobs wait (%v)", waiting, err)
			}
			if truth := l.Truth("good"); truth.Starts != 0 {
				t.Errorf("a paused pool has begun jobs: %+v", truth)
			}
			resume(l, "mail")
			if truth := l.Settled("good", 30*time.Second); truth.Ends != 20 {
				t.Errorf("after it was resumed: %+v", truth)
			}
			l.Ready("mail", time.Minute)
			if now := l.Truth("poison").Failed; now != lost {
				t.Errorf("%d of the poisoned jobs failed while the pool was paused", now-lost)
			}
			awaitEvent(l, "mail", v1alpha1.EventResumed)
		})
	}
}

// TestAlertsTellOfSlowJobsMemoryAndCrashes makes real workers use nearly all of their
// time or memory, or crash. Each condition names the job.
func TestAlertsTellOfSlowJobsMemoryAndCrashes(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	soon := func(a *v1alpha1.Alerts) { a.MemoryFor = &metav1.Duration{Duration: 2 * time.Second} }
	tests := map[string]struct {
		pool  *builders.Worker
		jobs  []lab.Jobs
		alert string
		words []string
	}{
		"slow": {
			pool: pool().Timeout(20 * time.Second).Sleep(time.Second), jobs: []lab.Jobs{{Kind: "slow", Arg: "40", Timeout: time.Minute}},
			alert: v1alpha1.ConditionSlowJobs, words: []string{`App\Jobs\SlowJob`, "16s of 20s"},
		},
		"large": {
			pool: pool().Memory("64Mi").Timeout(0).Alerts(soon), jobs: []lab.Jobs{{Kind: "memory", Arg: "38"}, {Kind: "slow", Arg: "40"}},
			alert: v1alpha1.ConditionMemoryHigh, words: []string{`while it works on App\Jobs\SlowJob`, "spec.memory (64Mi)"},
		},
		"crashing": {
			pool: pool().Sleep(time.Second), jobs: []lab.Jobs{{Kind: "exit", Arg: "255", Count: 3}},
			alert: v1alpha1.ConditionWorkersFailing, words: []string{"3 process(es) crashed", `App\Jobs\ExitingJob`, "exit code 255"},
		},
	}
	for name, tc := range tests {
		worker := tc.pool.Obj()
		worker.Name, worker.Namespace, worker.Spec.Queue, worker.Spec.AppName = name, l.Namespace, name, "demo"
		l.Create(worker)
	}
	for name, tc := range tests {
		for _, jobs := range tc.jobs {
			jobs.Queue = name
			l.Dispatch(jobs)
		}
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := l.In(t)
			alert := awaitAlert(l, name, 90*time.Second, tc.alert)
			note := awaitEvent(l, name, tc.alert)
			for _, want := range tc.words {
				if !strings.Contains(alert.Message, want) || !strings.Contains(note, want) {
					t.Errorf("the condition says %q and the event %q, want %q in both", alert.Message, note, want)
				}
			}
		})
	}
}

// failureNumber waits until a run has n failed jobs, and returns the time of that
// failure.
func failureNumber(l *lab.Lab, run string, n int64) time.Time {
	l.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if l.Truth(run).Failed >= n {
			return time.Now()
		}
	}
	l.Fatalf("%d jobs of %s have failed, want %d", l.Truth(run).Failed, run, n)
	return time.Time{}
}

// awaitAlert waits until a QueueWorker has one of some conditions, and returns it.
func awaitAlert(l *lab.Lab, worker string, limit time.Duration, conditionTypes ...string) *metav1.Condition {
	l.Helper()
	var found *metav1.Condition
	l.Eventually(fmt.Sprintf("%s says %v", worker, conditionTypes), limit, func() (bool, string) {
		conditions := l.Worker(worker).Status.Conditions
		for _, conditionType := range conditionTypes {
			if condition := meta.FindStatusCondition(conditions, conditionType); condition != nil {
				found = condition
				return true, ""
			}
		}
		return false, fmt.Sprintf("%+v", conditions)
	})
	return found
}

// awaitEvent waits for an event about a QueueWorker and returns its note.
func awaitEvent(l *lab.Lab, worker, reason string) string {
	l.Helper()
	note := ""
	l.Eventually("the event "+reason, 30*time.Second, func() (bool, string) {
		events := &eventsv1.EventList{}
		if err := l.Client.List(l.Ctx, events, client.InNamespace(l.Namespace)); err != nil {
			return false, err.Error()
		}
		for i := range events.Items {
			if event := &events.Items[i]; event.Regarding.Kind == "QueueWorker" && event.Regarding.Name == worker && event.Reason == reason {
				note = event.Note
				return true, ""
			}
		}
		return false, fmt.Sprintf("not among %d events", len(events.Items))
	})
	return note
}

// resume ends a pause made by onFailing.
func resume(l *lab.Lab, worker string) {
	l.Helper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.AnnotationResumedAt, time.Now().Format(time.RFC3339))
	object := &v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, Name: worker}}
	if err := l.Client.Patch(l.Ctx, object, client.RawPatch(types.MergePatchType, patch)); err != nil {
		l.Fatalf("resume %s: %v", worker, err)
	}
}
