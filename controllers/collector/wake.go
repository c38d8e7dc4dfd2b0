// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/turns"
)

// notable reports whether a report changes a condition, an event or the state of the
// pool, compared with the report before it (nil for the first report).
func notable(prev, next *protocol.Status) bool {
	return prev == nil ||
		prev.ControlRevision != next.ControlRevision ||
		prev.ControlError != next.ControlError ||
		prev.Phase != next.Phase ||
		prev.Ready != next.Ready ||
		!sameRuntime(prev.Runtime, next.Runtime) ||
		inState(prev, protocol.WorkerBackingOff) != inState(next, protocol.WorkerBackingOff) ||
		(inState(prev, protocol.WorkerRetiring) > 0) != (inState(next, protocol.WorkerRetiring) > 0) ||
		recycleDue(prev) != recycleDue(next) ||
		failedAnew(prev, next) ||
		killedAnew(prev, next)
}

// recycleDue counts the slots whose pod must be replaced.
func recycleDue(s *protocol.Status) int {
	n := 0
	for i := range s.Workers {
		if s.Workers[i].RecycleDue {
			n++
		}
	}
	return n
}

// killedAnew reports whether a process was killed on request since prev.
func killedAnew(prev, next *protocol.Status) bool {
	return next.Counters.Exits[protocol.ExitKilledOnRequest] > prev.Counters.Exits[protocol.ExitKilledOnRequest]
}

// moved reports whether a process or a job began or ended between two reports. Ages,
// memory and CPU do not count.
func moved(prev, next *protocol.Status) bool {
	if !sameCounters(&prev.Counters, &next.Counters) || len(prev.Workers) != len(next.Workers) {
		return true
	}
	for i := range next.Workers {
		a, b := &prev.Workers[i], &next.Workers[i]
		if a.Slot != b.Slot || a.State != b.State || a.PID != b.PID || !sameJob(a.Job, b.Job) {
			return true
		}
	}
	return false
}

// failedAnew reports whether a process ended since prev for an unintended reason, or
// because of failure after failure. Counts show it if more processes ended than
// RecentExits holds.
func failedAnew(prev, next *protocol.Status) bool {
	seen := int64(0)
	if len(prev.RecentExits) > 0 {
		seen = prev.RecentExits[0].Sequence
	}
	for _, exit := range next.RecentExits {
		if exit.Sequence > seen && alarming(exit.Reason) {
			return true
		}
	}
	for reason, count := range next.Counters.Exits {
		if count > prev.Counters.Exits[reason] && alarming(reason) {
			return true
		}
	}
	return false
}

func alarming(reason protocol.ExitReason) bool {
	return !reason.Intended() || reason == protocol.ExitMaxExceptions
}

// exceeded reports whether a process has exceeded a limit between two reports.
func (l Limits) exceeded(prev, next *protocol.Status) bool {
	for i := range next.Workers {
		w, before := &next.Workers[i], &protocol.Worker{}
		if i < len(prev.Workers) && prev.Workers[i].PID == w.PID {
			before = &prev.Workers[i]
		}
		if l.large(w) && !l.large(before) || l.slow(w) && !l.slow(before) {
			return true
		}
	}
	return false
}

func (l Limits) large(w *protocol.Worker) bool { return l.Memory > 0 && w.MemoryBytes > l.Memory }

func (l Limits) slow(w *protocol.Worker) bool {
	return l.Job > 0 && w.Job != nil && w.Job.AgeSeconds >= l.Job.Seconds()
}

func inState(s *protocol.Status, state protocol.WorkerState) int {
	n := 0
	for i := range s.Workers {
		if s.Workers[i].State == state {
			n++
		}
	}
	return n
}

func sameRuntime(a, b *protocol.RuntimeFacts) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.GracefulStop == b.GracefulStop && a.GracefulStopReason == b.GracefulStopReason &&
		a.Dialect == b.Dialect && a.Version == b.Version && slices.Equal(a.Findings, b.Findings)
}

func sameJob(a, b *protocol.Job) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ID == b.ID && a.Class == b.Class && a.Queue == b.Queue
}

func sameCounters(a, b *protocol.Counters) bool {
	return a.Processed == b.Processed && a.Failed == b.Failed && a.Released == b.Released &&
		a.JobMilliseconds == b.JobMilliseconds && maps.Equal(a.Exits, b.Exits)
}

// alarm holds the times at which a pool wakes for its jobs. Zero times are not set.
type alarm struct {
	due    time.Time    // for changes since the last time
	last   time.Time    // the last time due came
	trails [2]time.Time // when the rates over one and five minutes are zero
	failed alarmClock   // for jobs that failed
}

// alarmClock is a time that is set, and the last time that came.
type alarmClock struct{ due, last time.Time }

// failInterval is the shortest time between two wakes for failed jobs alone.
const failInterval = 5 * time.Second

// fail sets the wake for a failed job as soon as the interval allows.
func (a *alarm) fail(now time.Time) {
	if !a.failed.due.IsZero() {
		return
	}
	a.failed.due = a.failed.last.Add(failInterval)
	if a.failed.due.Before(now) {
		a.failed.due = now
	}
}

// move sets due as soon as the interval since the last time allows.
func (a *alarm) move(now time.Time, interval time.Duration) {
	if !a.due.IsZero() {
		return
	}
	a.due = a.last.Add(interval)
	if a.due.Before(now) {
		a.due = now
	}
}

// next returns the earliest time that is set; zero if none is.
func (a *alarm) next() time.Time {
	earliest := a.due
	for _, at := range [...]time.Time{a.trails[0], a.trails[1], a.failed.due} {
		if !at.IsZero() && (earliest.IsZero() || at.Before(earliest)) {
			earliest = at
		}
	}
	return earliest
}

// ring clears the times that have come and reports whether there were any.
func (a *alarm) ring(now time.Time) bool {
	rang := false
	if !a.due.IsZero() && !a.due.After(now) {
		a.due, a.last, rang = time.Time{}, now, true
	}
	if at := a.failed.due; !at.IsZero() && !at.After(now) {
		a.failed = alarmClock{last: now}
		rang = true
	}
	for i, at := range a.trails {
		if !at.IsZero() && !at.After(now) {
			a.trails[i], rang = time.Time{}, true
		}
	}
	return rang
}

// wakeQueue holds the pools to wake, each once, in the order of their requests.
type wakeQueue struct {
	order turns.FIFO[types.NamespacedName]
	held  map[types.NamespacedName]struct{}
}

func (q *wakeQueue) push(pool types.NamespacedName) {
	if _, ok := q.held[pool]; ok {
		return
	}
	q.held[pool] = struct{}{}
	q.order.Push(pool)
}

func (q *wakeQueue) pop() (types.NamespacedName, bool) {
	if q.order.Empty() {
		return types.NamespacedName{}, false
	}
	pool := q.order.Pop()
	delete(q.held, pool)
	return pool, true
}
