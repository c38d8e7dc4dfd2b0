// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import "time"

const (
	// inspectBytes is how much memory has to be free for one more process, so that the
	// kernel does not kill a worker for it, and inspectAgain how soon that is looked at
	// again.
	inspectBytes = 96 << 20
	inspectAgain = 10 * time.Second
)

// inspect looks at the program's settings as soon as there is room for it.
func (x *Executor) inspect() {
	for !x.room(inspectBytes) {
		select {
		case <-x.stopped:
			return
		case <-time.After(inspectAgain):
		}
	}
	findings, complete := x.Program.Inspect(x.run)
	x.Tell(Inspected{Findings: findings, Complete: complete})
}

// room tells whether the container may grow by so much.
func (x *Executor) room(bytes int64) bool {
	used, limit, limited := x.Cgroup.Pressure()
	return !limited || used+bytes < limit
}

// inspect has the program's settings looked at once a process has started well, so that
// it is not in the way of the first job, or has crashed, since they may be why; again
// after another has ended, if nothing could be found.
func (s *step) inspect() {
	if s.inspecting || !s.Facts.Inspectable || s.Wanted() == 0 {
		return
	}
	for i := range s.Slots {
		slot, p := &s.Slots[i], &s.Slots[i].Process
		well := slot.Running() && (p.Finished > 0 || s.now.Sub(p.StartedAt) >= healthyAfter)
		if crashed := !slot.Running() && s.now.Before(slot.RetryAt); well || crashed {
			s.inspecting = true
			s.do(Inspect{})
			return
		}
	}
}
