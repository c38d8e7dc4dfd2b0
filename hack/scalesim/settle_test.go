// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"pgregory.net/rapid"

	"queueworker.dev/queueworker/hack/scalesim/laws"
	"queueworker.dev/queueworker/hack/scalesim/trace"
)

// TestConstantLoadSettles checks that jobs that arrive evenly and take equally long lead,
// within five minutes, to a size that then changes by at most one. The target is at most
// a minute, because the initial backlog may take that long to clear before the scale-down
// window has to pass. The target is not near the time a pod takes to start, because then
// each late job would be worth more than one process.
func TestConstantLoadSettles(t *testing.T) {
	const settled, end = 300, 1200
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.Float64Range(0.1, 10).Draw(t, "rate")
		service := rapid.Float64Range(0.01, 10).Draw(t, "service")
		s := trace.Scenario{
			Target: rapid.Float64Range(40, 60).Draw(t, "target"), Min: rapid.IntRange(0, 2).Draw(t, "min"), Max: 1000,
			Timeout: rapid.Float64Range(0, 100).Draw(t, "timeout"), Until: end,
		}
		var jobs []trace.Job
		for i := 1; float64(i)/rate < end; i++ {
			jobs = append(jobs, trace.Job{At: float64(i) / rate, Service: service})
		}
		least, most := s.Max, 0
		for _, sample := range simulate(s, laws.Candidates()[0], jobs, 0).Samples {
			if sample.At >= settled && sample.At < end {
				least, most = min(least, sample.Wanted), max(most, sample.Wanted)
			}
		}
		if most-least > 1 {
			t.Fatalf("%.2f jobs/s of %.2f s (%.1f processes): the size is still between %d and %d after %d s", rate, service, rate*service, least, most, settled)
		}
	})
}
