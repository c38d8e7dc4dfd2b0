// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"cmp"
	"fmt"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/plugin/wording"
)

// shownRuns is the highest number of runs of a Batch pool that a tree shows.
const shownRuns = 5

// batch shows the runs of a pool; it returns nothing for other modes.
func (v *statusView) batch(pool *v1alpha1.QueueWorker) []Node {
	b := pool.Status.Batch
	if b == nil {
		return nil
	}
	text := "Runs: none under way"
	if b.ActiveRun != "" {
		text = "Runs: " + b.ActiveRun + " is under way"
	}
	if !b.NextScheduleTime.IsZero() {
		text += fmt.Sprintf("; the next in %s, by the schedule %s", wording.Short(b.NextScheduleTime.Sub(v.Time)), b.Schedule)
	}
	if !b.LastSuccessfulTime.IsZero() {
		text += fmt.Sprintf("; the last complete run ended %s ago", since(b.LastSuccessfulTime, v.Time))
	}
	out := line(view.Clean(text))
	for i := range b.Runs[:min(len(b.Runs), shownRuns)] {
		out.add(line(run(&b.Runs[i], v)))
	}
	return []Node{out}
}

func run(r *v1alpha1.Run, v *statusView) string {
	tone, outcome, took := view.Plain, "running", wording.Short(v.Time.Sub(r.Started.Time))
	if r.Ended != nil {
		outcome, took = cmp.Or(string(r.Outcome), "ended"), wording.Short(r.Ended.Sub(r.Started.Time))
	}
	switch r.Outcome {
	case v1alpha1.RunComplete:
		tone = view.Good
	case v1alpha1.RunFailed:
		tone = view.Bad
	case v1alpha1.RunStopped:
		tone = view.Doubtful
	}
	return view.Clean(r.Name) + "  " + v.paint.in(tone, outcome) +
		fmt.Sprintf("  started %s ago, took %s; %d processed, %d failed", since(&r.Started, v.Time), took, r.Processed, r.Failed)
}
