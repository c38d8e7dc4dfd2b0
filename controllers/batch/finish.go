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
	why, soon := d.left(run)
	if why == "" {
		d.out.Finish = run.Name
		d.out.Message = "The queues are empty, and the workers of the run end."
		return
	}
	d.out.Message, d.out.Hurry = why, soon
	if soon {
		d.recheck(hurry)
	}
}

// left returns why the run is not over; empty if it is. soon reports whether only fresh
// answers are missing.
func (d *decision) left(run *Run) (why string, soon bool) {
	w := &d.Work
	waiting := w.Ready + w.Reserved
	if d.Spec.WaitForDelayed {
		waiting += w.Delayed
	}
	switch {
	case w.Unmeasured:
		return "It ends when every worker has found its queues empty.", false
	case w.Changed:
		return "It goes on, because the connection of its QueueApp has changed since it began, so that nobody measures what is left: " +
			"set the connection back, or end the run by spec.stopped.", false
	case !w.Known:
		return "It goes on, because it is not known what waits on its queues; see the condition BacklogKnown.", false
	case w.MeasuredAt.Before(run.Created.Add(margin)):
		return "It has begun, and what waits is being measured.", true
	case waiting > 0:
		return "It goes on until its queues are empty.", false
	case w.Busy > 0:
		return "It goes on: nothing waits, and a worker still works on a job.", false
	case w.Silent > 0:
		return fmt.Sprintf("It goes on: nothing waits, and %d pod(s) do not answer, which may be at work; see the condition AgentsReporting.", w.Silent), false
	case w.MeasuredAt.Before(w.Quiet.Add(margin)):
		return "Nothing waits and no worker works; it is being measured once more.", true
	case w.Unheard > 0:
		return "Nothing waits and no worker works; it is being measured once more.", true
	}
	return "", false
}
