// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

func TestARunIsOver(t *testing.T) {
	ended := metav1.Now()
	batch := func(requested string, runs ...v1alpha1.Run) *v1alpha1.QueueWorker {
		worker := builders.QueueWorker("shop", "nightly").Obj()
		worker.Status.Batch = &v1alpha1.BatchStatus{RequestedRun: requested, Runs: runs}
		return worker
	}
	tests := map[string]struct {
		worker   *v1alpha1.QueueWorker
		wantDone bool
		wantErr  string
	}{
		"not taken up":        {worker: batch("old")},
		"no status":           {worker: builders.QueueWorker("shop", "nightly").Obj()},
		"running":             {worker: batch("new", v1alpha1.Run{Name: "new"})},
		"complete":            {worker: batch("new", v1alpha1.Run{Name: "new", Ended: &ended, Outcome: v1alpha1.RunComplete}), wantDone: true},
		"failed":              {worker: batch("new", v1alpha1.Run{Name: "new", Ended: &ended, Outcome: v1alpha1.RunFailed, Failed: 3}), wantErr: "ended as Failed"},
		"another was running": {worker: batch("new", v1alpha1.Run{Name: "old"}), wantErr: "was not started"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			before := "old"
			if tc.worker.Status.Batch == nil {
				before = ""
			}
			done, _, err := isOver(tc.worker, before)
			if done != tc.wantDone || (err == nil) != (tc.wantErr == "") || err != nil && !strings.Contains(err.Error(), tc.wantErr) {
				t.Errorf("done %t, %v; want %t, %q", done, err, tc.wantDone, tc.wantErr)
			}
		})
	}
}
