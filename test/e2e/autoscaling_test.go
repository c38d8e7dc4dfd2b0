// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// shrinkAfter sets the window after which a pool becomes smaller.
func shrinkAfter(window time.Duration) func(*v1alpha1.Autoscaling) {
	return func(auto *v1alpha1.Autoscaling) {
		auto.ScaleDown = &v1alpha1.ScaleDown{Window: &metav1.Duration{Duration: window}}
	}
}

// TestScalesToTheWaitTarget puts 600 jobs of one second on the queue of a pool without
// processes. The pool must begin each of them within a minute. The test runs alone, because
// other tests would take from its pods the time in which they start.
func TestScalesToTheWaitTarget(t *testing.T) {
	l := lab.New(t)
	l.Demo()
	window := lab.Either(2*time.Minute, 20*time.Second)
	l.Create(builders.QueueWorker(l.Namespace, "emails").Sleep(time.Second).Autoscaling(0, 30, shrinkAfter(window)).Obj())

	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "1", Count: 40, Run: "measure"})
	l.Settled("measure", 3*time.Minute)
	atZero(l, "emails", window+time.Minute)
	measured := l.Worker("emails").Status.Autoscaling
	t.Logf("at zero; a job takes %s; %s", measured.ServiceTime, measured.Message)

	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "1", Count: 600, Run: "burst"})
	pushed := time.Now()
	var first int32
	l.Eventually("processes are wanted", 30*time.Second, func() (bool, string) {
		status := l.Worker("emails").Status
		first = status.Desired
		return first > 0, fmt.Sprint(status.Autoscaling)
	})
	decided := time.Since(pushed)
	l.Ready("emails", time.Minute)
	ready := time.Since(pushed)
	l.Settled("burst", 5*time.Minute)
	waits := waitsOf(l, "burst")
	p99 := waits[len(waits)*99/100]
	t.Logf("600 jobs of 1 s: from 0 to %d processes, decided after %s, ready after %s; waits: median %s, p99 %s, longest %s",
		first, decided.Round(100*time.Millisecond), ready.Round(100*time.Millisecond),
		waits[len(waits)/2].Round(time.Second), p99.Round(time.Second), waits[len(waits)-1].Round(time.Second))
	if p99 > time.Minute {
		t.Errorf("p99 wait is %s, want at most the target of 1m", p99)
	}
	for _, decision := range l.Worker("emails").Status.Autoscaling.Decisions {
		t.Logf("%s: %d to %d, %s: %s", decision.Time.Format(time.TimeOnly), decision.From, decision.To, decision.Reason, decision.Message)
	}
	atZero(l, "emails", window+time.Minute)
	if truth := l.Truth("burst"); truth.Starts != 600 || truth.Ends != 600 {
		t.Errorf("the jobs counted %+v, want 600 starts and ends", truth)
	}
}

// atZero waits until a pool has no pods and desires none.
func atZero(l *lab.Lab, name string, within time.Duration) {
	l.Helper()
	l.Eventually(name+" is at zero", within, func() (bool, string) {
		status := l.Worker(name).Status
		pods := len(l.Pods(name))
		return status.Autoscaling != nil && status.Desired == 0 && pods == 0, fmt.Sprintf("%d pods, desired %d, %+v", pods, status.Desired, status.Autoscaling)
	})
}

// waitsOf returns how long each job of a run waited after it was due, sorted.
func waitsOf(l *lab.Lab, run string) []time.Duration {
	l.Helper()
	var out []time.Duration
	for uid, times := range l.Times(run) {
		if times.Began.IsZero() {
			l.Errorf("job %s was never begun", uid)
			continue
		}
		out = append(out, times.Began.Sub(times.Due))
	}
	slices.Sort(out)
	return out
}

// TestDelayedJobsWakeThePool lets a pool go to zero while two jobs are delayed: one was
// dispatched with a delay, one failed its first attempt.
func TestDelayedJobsWakeThePool(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	delay := lab.Either(2*time.Minute, 40*time.Second)
	l.Create(builders.QueueWorker(l.Namespace, "emails").Sleep(time.Second).Autoscaling(0, 4, shrinkAfter(5*time.Second)).
		Spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.Backoff = []metav1.Duration{{Duration: delay}} }).Obj())

	l.Dispatch(lab.Jobs{Kind: "failing", Arg: "1", Tries: 2, Run: "retried"})
	var failed time.Time
	l.Eventually("the first attempt failed", time.Minute, func() (bool, string) {
		failed = time.Now()
		return l.Truth("retried").Starts == 1, ""
	})
	l.Dispatch(lab.Jobs{Kind: "quick", Delay: delay, Run: "delayed"})
	atZero(l, "emails", delay-5*time.Second)

	l.Settled("retried", delay+time.Minute)
	l.Settled("delayed", delay+time.Minute)
	start := podStart(l, "emails")
	late := waitsOf(l, "delayed")[0]
	for _, times := range l.Times("retried") {
		retried := times.Done.Sub(failed.Add(delay))
		t.Logf("with pods that take %s to start: the delayed job began %s after it was due, the retried one was done %s after", start, late, retried)
		if retried > start+5*time.Second {
			t.Errorf("the retried job was %s late, want at most 5 s more than a pod takes to start (%s)", retried, start)
		}
	}
	if late > start+5*time.Second {
		t.Errorf("the delayed job was %s late, want at most 5 s more than a pod takes to start (%s)", late, start)
	}
}

// podStart returns how long the slowest of a pool's pods took to become ready.
func podStart(l *lab.Lab, name string) time.Duration {
	l.Helper()
	l.Ready(name, time.Minute)
	var slowest time.Duration
	for _, pod := range l.Pods(name) {
		for _, condition := range pod.Status.Conditions {
			if condition.Type == "Ready" {
				slowest = max(slowest, condition.LastTransitionTime.Sub(pod.CreationTimestamp.Time))
			}
		}
	}
	return slowest
}
