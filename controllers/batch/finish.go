// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"fmt"
	"time"
)

// margin is by how much a measurement must be later than the event it follows. Both times
// come from answers that took a moment to arrive, and Jobs are created at whole seconds.
const margin = time.Second

// finish tells the workers of the open run to end once the run is over. Once told, they
// cannot be told otherwise.
func (d *decision) finish() {
	run := d.out.Open
	if run.Leaving || run.Outcome != "" {
		return
	}
	if d.Told == run.Name {
		d.out.Finish = run.Name
		d.out.Message = "The queues are empty, and the workers of the run end."
		return
	}
	if d.Spec.resting() {
		return
	}
	why, lacking := d.left(run)
	if why == "" {
		d.out.Finish = run.Name
		d.out.Message = "The queues are empty, and the workers of the run end."
		return
	}
	d.out.Message, d.out.Measure, d.out.Hear = why, lacking.measurement, lacking.reports
	if lacking != (answers{}) {
		d.recheck(hurry)
	}
}

// answers says which fresh answers a decision needs. early reports whether it is too
// early to ask for them.
type answers struct{ measurement, reports, early bool }

// left returns why the run is not over; empty if it is. lacking is not empty if only
// fresh answers are missing.
func (d *decision) left(run *Run) (why string, lacking answers) {
	w := &d.Work
	waiting := w.Ready + w.Reserved
	if d.Spec.WaitForDelayed {
		waiting += w.Delayed
	}
	switch {
	case w.Unmeasured:
		why = "It ends when every worker has found its queues empty."
	case w.Changed:
		why = "It continues, because the connection of its QueueApp has changed since it started, so its backlog is not measured: " +
			"set the connection back, or stop the run with spec.stopped: true."
	case !w.Known:
		why = "It continues, because the backlog of its queues is unknown; see the condition BacklogKnown."
	case w.MeasuredAt.Before(run.Created.Add(margin)):
		return "It has begun, and its backlog is being measured.", d.since(run.Created)
	case waiting > 0:
		why = "It continues until its queues are empty."
	case w.Busy > 0:
		why = "It continues: its queues are empty, but a worker still has a job."
	case w.Silent > 0:
		why = fmt.Sprintf("It continues: its queues are empty, but %d pod(s) that may have jobs do not answer; see the condition AgentsReporting.", w.Silent)
	case w.MeasuredAt.Before(w.LastActivity.Add(margin)):
		return "Its queues are empty and no worker has a job; both are checked once more.", d.since(w.LastActivity)
	case w.Unheard > 0:
		// The measurement is good. After another measurement, the reports would be too
		// old again.
		return "Its queues are empty and no worker has a job; both are checked once more.", answers{reports: true}
	}
	return why, answers{}
}

// since returns the answers to ask for if the last measurement is not newer than an
// event. It needs a new measurement and then newer reports, but asks only once they can
// be newer than the event.
func (d *decision) since(event time.Time) answers {
	if d.Now.Before(event.Add(margin)) {
		return answers{early: true}
	}
	return answers{measurement: true, reports: true}
}
