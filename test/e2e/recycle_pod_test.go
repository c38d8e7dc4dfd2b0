// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestRecycledPodsLeaveAsManyAtWork: with recycle Pod a pool replaces its pods one by
// one, each after its successor is ready and its jobs are done.
func TestRecycledPodsLeaveAsManyAtWork(t *testing.T) {
	t.Parallel()
	const processes = 4
	jobs, maxJobs := lab.Either(1000, 160), lab.Either(25, 10)
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Processes(processes).MaxJobs(int32(maxJobs)).Sleep(time.Second).
		Spec(func(spec *v1alpha1.QueueWorkerSpec) { spec.Recycle = v1alpha1.RecyclePod }).Obj())
	l.Ready("emails", 2*time.Minute)

	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "0.5", Count: jobs, Run: "recycle"})
	seen := map[string]bool{}
	least, most, samples := processes, 0, 0
	notReady := 0
	l.Eventually("all jobs are done and no pod is due", 10*time.Minute, func() (bool, string) {
		pods := l.Pods("emails")
		ready := 0
		for i := range pods {
			seen[string(pods[i].UID)] = true
			if takesJobs(&pods[i]) {
				ready++
			}
		}
		least, most, samples = min(least, ready), max(most, len(pods)), samples+1
		worker := l.Worker("emails")
		if conditionReason(worker, v1alpha1.ConditionReady) != v1alpha1.ReasonAsWanted {
			notReady++
		}
		truth := l.Truth("recycle")
		done := truth.Ends == truth.Dispatched && len(pods) == processes && ready == processes && !anyDue(l, pods)
		return done, fmt.Sprintf("%+v, %d pods, %d ready", truth, len(pods), ready)
	})
	begunAndEndedOnce(l, "recycle")
	replaced := len(seen) - processes
	inPlace := restartsFor(l.Worker("emails").Status.Restarts, protocol.ExitMaxJobs)
	t.Logf("%d jobs, maxJobs %d: %d pods replaced, %d processes restarted in place, ready at least %d, pods at most %d in %d samples, %d of which not Ready",
		jobs, maxJobs, replaced, inPlace, least, most, samples, notReady)
	if least < processes || most > processes+1 {
		t.Errorf("at least %d workers were ready, at most %d pods there; want never less than %d and never more than %d", least, most, processes, processes+1)
	}
	if replaced < 2 {
		t.Errorf("only %d pods were replaced", replaced)
	}
}

// takesJobs reports whether a pod is ready and not cordoned.
func takesJobs(pod *corev1.Pod) bool {
	var control protocol.Control
	_ = json.Unmarshal([]byte(pod.Annotations[v1alpha1.AnnotationControl]), &control) // empty if there is none
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue && !control.Cordoned
		}
	}
	return false
}

// anyDue reports whether an agent says that its pod must be replaced.
func anyDue(l *lab.Lab, pods []corev1.Pod) bool {
	for i := range pods {
		status, err := l.Agent(&pods[i])
		if err != nil {
			return true
		}
		for _, worker := range status.Workers {
			if worker.RecycleDue {
				return true
			}
		}
	}
	return false
}
