// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

func TestAPoolComesUp(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(4).PerPod(2).Obj())
	worker := waitReady(t, namespace, "emails")
	if got := len(podsOf(t, namespace, "emails")); got != 2 {
		t.Errorf("%d pods, want 2", got)
	}
	if worker.Status.AppName != "shop" || worker.Status.Selector != "queueworker.dev/name=emails" {
		t.Errorf("appName is %q and selector %q", worker.Status.AppName, worker.Status.Selector)
	}
	// A pod may be ready before the operator asks its agent for the first time.
	waitFor(t, namespace, "emails", "has a row for each process", func(w *v1alpha1.QueueWorker) error {
		return same(4, len(w.Status.Workers))
	})
}
