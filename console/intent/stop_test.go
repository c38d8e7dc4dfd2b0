// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"strings"
	"testing"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// TestDangerTellsTheWayBack: a job whose only try was interrupted fails once its
// connection gives it out again. Most applications then keep it as a failed job.
func TestDangerTellsTheWayBack(t *testing.T) {
	for tries, want := range map[int32]bool{0: false, 1: true, 3: true} {
		worker := emails().Spec(func(s *v1alpha1.QueueWorkerSpec) { s.Tries = &tries }).Obj()
		plan, err := Stop(Input{Worker: worker}, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, phrase := range []string{"lost to the queue", "`kubectl queueworker failed retry` puts it back", "where the application keeps failed jobs"} {
			if strings.Contains(plan.Danger, phrase) != want {
				t.Errorf("with tries=%d it says: %s", tries, plan.Danger)
			}
		}
	}
}
