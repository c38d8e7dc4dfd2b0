// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import "time"

// A worker may lose a signal. If its runtime treats a second SIGTERM like the first, the
// agent repeats SIGTERM for a worker that has not reacted.
const (
	// insistJobs is the number of jobs that a worker begins after SIGTERM only if it has
	// lost the signal. One job may have been on its way to the worker already.
	insistJobs = 2
	// insistAfter is how long a worker may continue with jobs after SIGTERM, insistIdle how
	// long without a job.
	insistAfter = time.Second
	insistIdle  = 5 * time.Second
)

// insist repeats SIGTERM for a process that has not reacted to it.
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
	return s.Settings.Worker.Insist && s.Facts.Signals && !p.termAt.IsZero() && p.Killed == ""
}

// insistAt returns when to repeat SIGTERM for a process without a job, or zero.
func (s *State) insistAt(p *Process) time.Time {
	switch {
	case !s.insistable(p) || p.Open != nil:
		return time.Time{}
	case p.Last.At.After(p.termAt):
		return p.Last.At.Add(insistIdle)
	}
	return p.termAt.Add(insistIdle)
}

// term sends SIGTERM to a process.
func (s *step) term(slot *Slot) {
	p := &slot.Process
	p.termAt, p.jobsAtTerm = s.now, p.Jobs
	s.do(Term{Slot: s.number(slot), PID: p.PID})
}
