// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import "time"

// PHP loses a signal that it gets to while an exception is on its way to who catches it:
// of Laravel workers whose jobs all throw, 1 in 25 goes on after SIGTERM as if nothing
// had been said. Laravel itself takes a second one for the first, so it is sent again to
// a worker that cannot have heard of it. To any other program it is sent once only.
const (
	// insistJobs is how many jobs a worker that was asked to end begins only if it has not
	// heard: one may have been on its way to it.
	insistJobs = 2
	// insistAfter is how long it may go on with them, insistIdle how long without a job.
	insistAfter = time.Second
	insistIdle  = 5 * time.Second
)

// insist asks a process again to end that has not heard of it.
func (s *step) insist(slot *Slot) {
	p := &slot.Process
	if !s.insistable(p) {
		return
	}
	deaf := p.Jobs-p.jobsAtTerm >= insistJobs && s.now.Sub(p.termAt) >= insistAfter
	if at := s.insistAt(p); deaf || !at.IsZero() && !s.now.Before(at) {
		s.term(slot)
	}
}

func (s *State) insistable(p *Process) bool {
	return s.Settings.Laravel && s.Facts.Signals && !p.termAt.IsZero() && p.Killed == ""
}

// insistAt is when a process without a job is asked again, zero while it has one.
func (s *State) insistAt(p *Process) time.Time {
	switch {
	case !s.insistable(p) || p.Open != nil:
		return time.Time{}
	case p.Last.At.After(p.termAt):
		return p.Last.At.Add(insistIdle)
	}
	return p.termAt.Add(insistIdle)
}

// term sends a process SIGTERM.
func (s *step) term(slot *Slot) {
	p := &slot.Process
	p.termAt, p.jobsAtTerm = s.now, p.Jobs
	s.do(Term{Slot: s.number(slot), PID: p.PID})
}
