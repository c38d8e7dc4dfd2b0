// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"

	"queueworker.dev/queueworker/api/v1alpha1"
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
		text += fmt.Sprintf("; the next in %s, by the schedule %s", short(b.NextScheduleTime.Sub(v.Time)), b.Schedule)
	}
	if !b.LastSuccessfulTime.IsZero() {
		text += fmt.Sprintf("; the last complete one ended %s ago", since(b.LastSuccessfulTime, v.Time))
	}
	out := line(Clean(text))
	for i := range b.Runs[:min(len(b.Runs), shownRuns)] {
		out.add(line(run(&b.Runs[i], v)))
	}
	return []Node{out}
}

func run(r *v1alpha1.Run, v *statusView) string {
	tone, outcome, took := Plain, "running", short(v.Time.Sub(r.Started.Time))
	if r.Ended != nil {
		outcome, took = cmp.Or(string(r.Outcome), "ended"), short(r.Ended.Sub(r.Started.Time))
	}
	switch r.Outcome {
	case v1alpha1.RunComplete:
		tone = Good
	case v1alpha1.RunFailed:
		tone = Bad
	case v1alpha1.RunStopped:
		tone = Doubtful
	}
	return Clean(r.Name) + "  " + v.paint.in(tone, outcome) +
		fmt.Sprintf("  begun %s ago, took %s; %d processed, %d failed", since(&r.Started, v.Time), took, r.Processed, r.Failed)
}

// batch explains the size of a pool of mode Batch.
func (e *explanation) batch() {
	e.say("  It is of mode Batch: a run has %s (spec.processes), and between runs there are none.", processes(fixed(e.pool)))
	b := e.pool.Status.Batch
	switch {
	case b == nil:
		e.say("  No run has been started yet.")
	case b.ActiveRun != "":
		e.say("  The run %s is under way. It ends when the queues are empty.", b.ActiveRun)
	case !b.NextScheduleTime.IsZero():
		e.say("  No run is under way. The next begins in %s, by the schedule %s.", short(b.NextScheduleTime.Sub(e.Time)), b.Schedule)
	default:
		e.say("  No run is under way, and none is scheduled; this starts one: kubectl queueworker run %s.", e.pool.Name)
	}
}
