// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestPodsCreatedWhileControlled creates many pods and changes what they shall do
// while they start: whichever way each of them hears of it, all end at the last
// document.
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
	var revision int64
	for _, pod := range l.Pods("emails") {
		status, err := l.Agent(&pod)
		if err != nil {
			t.Fatal(err)
		}
		if revision == 0 {
			revision = status.ControlRevision
		}
		if status.Phase != protocol.PhasePaused || status.ControlRevision != revision {
			t.Errorf("pod %s is %s at revision %d, others at %d", pod.Name, status.Phase, status.ControlRevision, revision)
		}
	}
	t.Logf("%d pods obey revision %d", pods, revision)
}
