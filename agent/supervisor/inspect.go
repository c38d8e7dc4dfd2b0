// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import "time"

const (
	// inspectBytes is how much memory must be free for one more process, so that the kernel
	// does not kill a worker for it. inspectAgain is the interval between two checks.
	inspectBytes = 96 << 20
	inspectAgain = 10 * time.Second
)

// inspect inspects the program's settings as soon as there is enough free memory.
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

// room reports whether the container may use that many more bytes.
func (x *Executor) room(bytes int64) bool {
	used, limit, limited := x.Cgroup.Pressure()
	return !limited || used+bytes < limit
}

// inspect requests an inspection of the program's settings once a process has started
// well, so that the inspection does not delay the first job. It also does so after a
// crash, because the settings may be the reason. If the inspection was incomplete,
// inspect repeats it after another process has ended.
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
