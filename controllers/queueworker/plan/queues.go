// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"
	"time"

	"queueworker.dev/queueworker/controllers/scaling"
)

// Soon returns the span of time in which delayed jobs count as due soon: the time that a
// pod takes to start, in steps, so that the pools of an application ask for the same span.
func Soon(startLatency time.Duration) time.Duration {
	span := scaling.DefaultStartLatency
	for span < startLatency && span < 2*time.Minute {
		span *= 2
	}
	return span
}

// QueuesOf returns the queues that the pool's workers process, each once. The workers of
// a run keep the queues that it began with.
func QueuesOf(w *World) []string {
	list := w.Worker.Spec.Queue
	if config := w.runConfig(); config != nil {
		list = config.Queue
	}
	var out []string
	for queue := range strings.SplitSeq(list, ",") {
		if queue != "" && !slices.Contains(out, queue) {
			out = append(out, queue)
		}
	}
	return out
}
