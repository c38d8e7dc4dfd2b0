// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"math"
	"strings"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// TestAgentsAreNotTrusted: an agent's answer cannot break the table.
func TestAgentsAreNotTrusted(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	pod := &Pod{Name: "p", AskedAt: now}
	for _, seconds := range []float64{-1, math.Inf(1), math.NaN(), 1e300} {
		w := worker("q", pod, &protocol.Worker{PID: 1, AgeSeconds: seconds, CPUCores: seconds, Job: &protocol.Job{Class: "\x1b[2J\n\u009b", AgeSeconds: seconds}})
		if w.StartedTime.After(now) || w.StartedTime.Year() < 2000 {
			t.Errorf("an age of %v s began at %s", seconds, w.StartedTime)
		}
	}
	if got := Clean("a\x1b[31m\nb\u009bc\u202e"); strings.ContainsAny(got, "\x1b\n\u009b\u202e") {
		t.Errorf("Clean leaves %q", got)
	}
}

func TestStatesHaveTones(t *testing.T) {
	if StateTone(v1alpha1.StateFailing) != Bad || StateTone("") != Plain || WorkerTone(v1alpha1.WorkerBackingOff) != Bad {
		t.Error("failing is not bad, or nothing is something")
	}
}
