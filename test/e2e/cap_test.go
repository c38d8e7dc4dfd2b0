// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestCapIsShared makes three pools desire more processes than their application may
// have, beginning with the least important pool.
func TestCapIsShared(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	app := l.DemoApp()
	app.Spec.MaxProcesses = new(int32(6))
	l.StartRedis()
	l.StartDemo(app)
	for name, priority := range map[string]int32{"high": 10, "middle": 0, "low": -10} {
		l.Create(builders.QueueWorker(l.Namespace, name).Queue(name).Sleep(time.Second).
			Spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.Priority = priority }).
			Autoscaling(1, 5, func(auto *v1alpha1.Autoscaling) { auto.TargetWait = &metav1.Duration{Duration: 5 * time.Second} }).Obj())
	}
	// Each pool wants its maximum and keeps wanting it.
	want := func(queue string) {
		l.Dispatch(lab.Jobs{Kind: "slow", Arg: "1", Count: 400, Queue: queue, Run: queue})
	}
	most := 0
	want("low")
	capped(l, &most, "the minimums leave 4 for low", map[string]int32{"high": 1, "middle": 1, "low": 4})
	want("high")
	capped(l, &most, "high has what the minimums leave", map[string]int32{"high": 4, "middle": 1, "low": 1})
	want("middle")
	capped(l, &most, "middle is limited too", map[string]int32{"high": 4, "middle": 1, "low": 1}, "high", "middle", "low")
	if most > 6 {
		t.Errorf("%d processes were wanted at once, want at most 6", most)
	}
	t.Logf("at most %d processes were wanted at once; low: %s", most, condition(l, "low", v1alpha1.ConditionScalingLimited).Message)

	lab.Update(l, "demo", &v1alpha1.QueueApp{}, func(app *v1alpha1.QueueApp) { app.Spec.MaxProcesses = new(int32(15)) })
	raised := time.Now()
	capped(l, &most, "each has all it may have", map[string]int32{"high": 5, "middle": 5, "low": 5})
	l.Eventually("none is limited by the cap", 30*time.Second, func() (bool, string) {
		for _, name := range []string{"high", "middle", "low"} {
			if limited := condition(l, name, v1alpha1.ConditionScalingLimited); limited.Reason == v1alpha1.ReasonSharedCap {
				return false, fmt.Sprintf("%s: %+v", name, limited)
			}
		}
		return true, ""
	})
	t.Logf("5 each %s after the cap was raised to 15", time.Since(raised).Round(100*time.Millisecond))
}

// capped waits until the pools desire these sizes and the pools in limited report that
// the cap limits them. It raises most to the highest sum of desired processes that it
// saw.
func capped(l *lab.Lab, most *int, what string, want map[string]int32, limited ...string) {
	l.Helper()
	l.Eventually(what, time.Minute, func() (bool, string) {
		workers := &v1alpha1.QueueWorkerList{} // one list shows all pools at one moment
		if err := l.Client.List(l.Ctx, workers, client.InNamespace(l.Namespace)); err != nil {
			return false, err.Error()
		}
		sum, right := 0, true
		seen := ""
		for i := range workers.Items {
			worker := &workers.Items[i]
			sum += int(worker.Status.Desired)
			right = right && worker.Status.Desired == want[worker.Name]
			seen += fmt.Sprintf("%s %d: %+v; ", worker.Name, worker.Status.Desired, worker.Status.Autoscaling)
		}
		*most = max(*most, sum)
		for _, name := range limited {
			right = right && condition(l, name, v1alpha1.ConditionScalingLimited).Reason == v1alpha1.ReasonSharedCap
		}
		return right, seen
	})
}
