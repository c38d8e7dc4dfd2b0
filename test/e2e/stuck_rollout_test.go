// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestBrokenRolloutGoesToZero scales a pool to zero whose rollout is stuck.
func TestBrokenRolloutGoesToZero(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Processes(3).Sleep(time.Second).Obj())
	l.Ready("emails", 2*time.Minute)
	lab.Update(l, "demo", &v1alpha1.QueueApp{}, func(app *v1alpha1.QueueApp) {
		app.Spec.Template.Spec.Containers[0].Image = "docker.io/queueworker/nowhere:dev"
	})
	l.Eventually("the rollout is stuck", time.Minute, func() (bool, string) {
		ready := condition(l, "emails", v1alpha1.ConditionReady)
		return ready.Reason == v1alpha1.ReasonImagePull && len(l.Pods("emails")) > 3, fmt.Sprintf("%+v", ready)
	})
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "5", Count: 3, Run: "last"})
	l.Eventually("every process of the old image has a job", time.Minute, func() (bool, string) {
		return l.Truth("last").Starts == 3, fmt.Sprintf("%+v", l.Truth("last"))
	})
	toZero(l, time.Minute)
	if truth := l.Truth("last"); truth.Starts != 3 || truth.Ends != 3 {
		t.Errorf("the jobs counted %+v, want 3 starts and ends", truth)
	}
}

// TestFrozenAgentGoesToZero scales a pool to zero while one of its agents is frozen. The
// operator waits for that pod as long as a job may take.
func TestFrozenAgentGoesToZero(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Processes(2).Sleep(time.Second).Timeout(5 * time.Second).Obj())
	l.Ready("emails", 2*time.Minute)
	agent := l.AgentPID(&l.Pods("emails")[0])
	l.Signal(agent, syscall.SIGSTOP)
	// If this test fails early, the deletion of the pod must not wait for the frozen
	// agent.
	t.Cleanup(func() { _ = syscall.Kill(agent, syscall.SIGCONT) })
	l.Eventually("the operator misses it", time.Minute, func() (bool, string) {
		reporting := condition(l, "emails", v1alpha1.ConditionAgentsReporting)
		return reporting.Reason == v1alpha1.ReasonUnreachable, fmt.Sprintf("%+v", reporting)
	})
	toZero(l, 2*time.Minute)
}

// toZero scales the pool emails to zero and waits until it is stopped.
func toZero(l *lab.Lab, within time.Duration) {
	l.Helper()
	l.Resize(&v1alpha1.QueueWorker{}, "emails", 0, "kubectl")
	asked := time.Now()
	l.State("emails", v1alpha1.StateStopped, within)
	l.Logf("at zero %s after kubectl scale", time.Since(asked).Round(100*time.Millisecond))
}
