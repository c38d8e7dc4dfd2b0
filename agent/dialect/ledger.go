// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"time"
)

// Bounds on the memory that a worker can make a ledger use.
const (
	maxOpen    = 1024 // jobs open at once; beyond it the oldest is forgotten
	maxIDBytes = 128  // of an id
	maxClass   = 256  // bytes of a class or queue name
	maxNames   = 1000 // distinct class and queue names kept

	// MaxFailures is the maximum number of failures in a tally; older failures are dropped.
	MaxFailures = 10
)

// Job is a job in progress.
type Job struct {
	ID, Class, Queue string
	Since            time.Time
}

// Ending is the job that ended last.
type Ending struct {
	Class    string
	Failed   bool
	Duration time.Duration
	At       time.Time
}

// Failure is a job that failed permanently.
type Failure struct {
	ID, Class, Queue string
	// Exception is the class of the exception, or empty if it was not printed.
	Exception string
	At        time.Time
}

// Tally holds the counts of a ledger since the last call of Take.
type Tally struct {
	// Started counts the attempts that began. Each ends in at most one of the other three
	// counts.
	Started, Processed, Failed, Released int64
	// Spent is the total time of the ended attempts.
	Spent time.Duration
	// Open is the job that has been open longest, or nil; OpenCount is the number of open
	// jobs.
	Open      *Job
	OpenCount int
	// Last is the job that ended last in the whole life of the ledger.
	Last Ending
	// Failures are the last failed jobs, oldest first, at most MaxFailures.
	Failures []Failure
	// FailuresInARow counts the failed jobs since the last successful job, in the whole life
	// of the ledger. Attempts that released their job count as neither.
	FailuresInARow int64
}

// Ledger pairs the job events of one process.
type Ledger struct {
	concurrent bool

	opens     []open
	names     map[string]string
	tally     Tally
	last      Ending
	row       int64
	sawStart  bool
	failed    bool // the previous event was a failure ...
	failedID  []byte
	failedTry int
	failedJob string
}

type open struct {
	id           []byte
	attempt      int
	class, queue string
	since        time.Time
}

// NewLedger returns an empty ledger. It pairs the jobs of a concurrent worker by id.
func NewLedger(concurrent bool) *Ledger {
	return &Ledger{concurrent: concurrent, names: map[string]string{}}
}

// Apply counts one event that was seen at now.
func (l *Ledger) Apply(event *Event, now time.Time) {
	if event.Kind == Started {
		l.start(event, now)
		return
	}
	if event.Kind == Processed && l.afterFailure(event) {
		return
	}
	l.end(event, now)
}

// Take returns the counts since its last call, and the open jobs.
func (l *Ledger) Take() Tally {
	tally := l.tally
	tally.Last, tally.FailuresInARow = l.last, l.row
	tally.OpenCount = len(l.opens)
	if len(l.opens) > 0 {
		o := &l.opens[0]
		tally.Open = &Job{ID: string(o.id), Class: o.class, Queue: o.queue, Since: o.since}
	}
	l.tally = Tally{}
	return tally
}

func (l *Ledger) start(event *Event, now time.Time) {
	l.sawStart = true
	l.failed = false
	switch at := l.find(event); {
	case !l.concurrent && len(l.opens) > 0:
		l.close(0, Released, -1, now)
	case l.concurrent && at >= 0:
		l.close(at, Released, -1, now)
	case len(l.opens) >= maxOpen:
		l.remove(0)
	}
	l.tally.Started++
	l.push(event, now)
}

// afterFailure reports whether a success belongs to an attempt that has already failed.
// If lines carry no id, the class and the missing start decide.
func (l *Ledger) afterFailure(event *Event) bool {
	if !l.failed {
		return false
	}
	if len(event.ID) > 0 || len(l.failedID) > 0 {
		return event.Attempt == l.failedTry && bytes.Equal(cut(event.ID, maxIDBytes), l.failedID)
	}
	return l.sawStart && len(l.opens) == 0 && string(cut(event.Class, maxClass)) == l.failedJob
}

func (l *Ledger) end(event *Event, now time.Time) {
	at := l.find(event)
	if at < 0 {
		// An end without a start: the worker prints no starts, or the line was lost. In a
		// sequential worker, an open job is over too.
		if !l.concurrent && len(l.opens) > 0 {
			l.close(0, Released, -1, now)
		}
		l.tally.Started++
		l.push(event, now)
		at = len(l.opens) - 1
	}
	if l.failed = event.Kind == Failed; l.failed {
		l.failedID = append(l.failedID[:0], cut(event.ID, maxIDBytes)...)
		l.failedTry = event.Attempt
		l.failedJob = l.name(event.Class)
		l.fail(at, event, now)
	}
	l.close(at, event.Kind, event.Duration, now)
}

// fail records the failure of an open job.
func (l *Ledger) fail(at int, event *Event, now time.Time) {
	o := &l.opens[at]
	if n := len(l.tally.Failures) - MaxFailures + 1; n > 0 {
		l.tally.Failures = l.tally.Failures[n:]
	}
	l.tally.Failures = append(l.tally.Failures, Failure{
		ID: string(o.id), Class: o.class, Queue: o.queue, Exception: l.name(event.Exception), At: now,
	})
}

// find returns the index of the open job to which an event belongs, or -1.
func (l *Ledger) find(event *Event) int {
	for i := range l.opens {
		o := &l.opens[i]
		if len(event.ID) == 0 || len(o.id) == 0 {
			if !l.concurrent {
				return i
			}
			continue
		}
		if o.attempt == event.Attempt && bytes.Equal(o.id, cut(event.ID, maxIDBytes)) {
			return i
		}
	}
	if l.concurrent && len(event.ID) == 0 && len(l.opens) > 0 {
		return 0
	}
	return -1
}

func (l *Ledger) push(event *Event, now time.Time) {
	n := len(l.opens)
	if n < cap(l.opens) {
		l.opens = l.opens[:n+1] // reuses the memory of an earlier job's id
	} else {
		l.opens = append(l.opens, open{})
	}
	o := &l.opens[n]
	*o = open{
		id: append(o.id[:0], cut(event.ID, maxIDBytes)...), attempt: event.Attempt,
		class: l.name(event.Class), queue: l.name(event.Queue), since: now,
	}
}

func (l *Ledger) close(at int, kind Kind, own time.Duration, now time.Time) {
	o := &l.opens[at]
	spent := own
	if spent < 0 || spent > unmeasured {
		spent = max(now.Sub(o.since), 0)
	}
	switch kind {
	case Processed:
		l.tally.Processed++
		l.row = 0
	case Failed:
		l.tally.Failed++
		l.row++
	case Started, Released: // a start ends the job before it
		l.tally.Released++
	}
	l.tally.Spent += spent
	l.last = Ending{Class: o.class, Failed: kind == Failed, Duration: spent, At: now}
	l.remove(at)
}

// remove removes a job and keeps its memory behind the end for the next job.
func (l *Ledger) remove(at int) {
	gone := l.opens[at]
	n := copy(l.opens[at:], l.opens[at+1:])
	l.opens[at+n] = gone
	l.opens = l.opens[:at+n]
}

// name returns a class or queue as a string, which is allocated once for each name.
func (l *Ledger) name(b []byte) string {
	b = cut(b, maxClass)
	if s, ok := l.names[string(b)]; ok {
		return s
	}
	s := string(bytes.ToValidUTF8(b, []byte("?")))
	if len(l.names) < maxNames {
		l.names[string(b)] = s
	}
	return s
}

func cut(b []byte, most int) []byte {
	return b[:min(len(b), most)]
}
