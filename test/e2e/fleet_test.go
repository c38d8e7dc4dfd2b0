// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestPodsCreatedWhileControlled creates many pods and changes their control document
// while they start. All pods must end at the last document, whichever way each one
// receives it.
func TestPodsCreatedWhileControlled(t *testing.T) {
	l := lab.New(t)
	l.Create(customApp(l, "custom", "sh", "-c", "trap exit TERM; while :; do sleep 1 & wait; done"))
	pods := lab.Either(50, 12)
	l.Create(builders.QueueWorker(l.Namespace, "emails").App("custom").Processes(int32(pods)).Obj())
	l.Eventually("half of the pods have started", 3*time.Minute, func() (bool, string) {
		reporting := 0
		for _, pod := range l.Pods("emails") {
			if pod.Status.PodIP != "" {
				reporting++
			}
		}
		return reporting >= pods/2, fmt.Sprint(reporting, " have an address")
	})
	l.UpdateWorker("emails", func(w *v1alpha1.QueueWorker) { w.Spec.Paused = true })
	l.UpdateWorker("emails", func(w *v1alpha1.QueueWorker) { restartedAt(&w.ObjectMeta, "once") })

	l.State("emails", v1alpha1.StatePaused, 3*time.Minute)
	// The pool is paused as soon as no process takes a job; its last pods may still be
	// starting.
	revisions := map[int64]int{}
	l.Eventually("every pod is paused by one document", 3*time.Minute, func() (bool, string) {
		clear(revisions)
		for _, pod := range l.Pods("emails") {
			if status, err := l.Agent(&pod); err == nil && status.Phase == protocol.PhasePaused {
				revisions[status.ControlRevision]++
			}
		}
		return len(revisions) == 1 && slices.Collect(maps.Values(revisions))[0] == pods, fmt.Sprint("pods by revision: ", revisions)
	})
	t.Logf("pods by the revision they obey: %v", revisions)
}
