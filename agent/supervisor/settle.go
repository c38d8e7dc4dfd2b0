// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"time"

	"queueworker.dev/queueworker/api/protocol"
)

// settle moves the processes towards the wanted state, after every event.
func (s *step) settle() {
	s.ask()
	wanted := s.Wanted() > 0
	for i := range s.Slots {
		slot := &s.Slots[i]
		if slot.Running() {
			s.lookAfter(slot, wanted)
		} else if wanted && s.startable(slot) && !s.now.Before(slot.RetryAt) {
			s.start(i)
		}
	}
	if !s.restartAt.IsZero() && !s.now.Before(s.restartAt) {
		s.restartAt = time.Time{} // every older process is retiring now
	}
	s.inspect()
	if s.Terminating || s.finishing || s.allDone() {
		s.finish()
	}
}

// ask asks the worker program what it can do. Unless its answer is final, ask repeats the
// question after each end of a process.
func (s *step) ask() {
	if !s.answered && !s.asking && !s.Terminating {
		s.asking = true
		s.do(Ask{})
	}
}

// startable reports whether an empty slot may start a process once its wait is over.
func (s *State) startable(slot *Slot) bool { return s.answered && !slot.starting && !slot.Done }

// finish ends the agent when no process is left, and kills the rest at the deadline.
func (s *step) finish() {
	switch {
	case s.finished:
	case s.Left() == 0:
		s.finished = true
		s.do(Finish{})
	case s.Terminating && !s.killedAll && !s.now.Before(s.Deadline):
		s.killRest()
	}
}

// killRest kills all processes at the end of the grace period.
func (s *step) killRest() {
	s.killedAll = true
	for i := range s.Slots {
		if p := &s.Slots[i].Process; p.PID != 0 && p.Killed == "" {
			p.Killed = protocol.ExitGraceExceeded
		}
	}
	s.do(KillAll{})
}

func (s *step) start(number int) {
	slot := &s.Slots[number]
	slot.starting = true
	slot.starts++
	limit := s.Settings.MaxTime
	if s.Settings.Jitter && limit > 0 {
		limit -= share(limit/10, s.Settings.PodName, number, slot.starts)
		limit = max(limit.Truncate(time.Second), time.Second)
	}
	if most := s.Facts.LifeLimit; most > 0 && (limit == 0 || limit > most) {
		limit = most
	}
	slot.Process = Process{MaxTime: limit}
	if s.recyclesByTime() {
		limit = 0 // the agent keeps this limit
	}
	s.do(Start{Slot: number, MaxTime: limit})
}

// lookAfter looks after a running process.
func (s *step) lookAfter(slot *Slot, wanted bool) {
	p := &slot.Process
	if p.Finished > 0 || s.now.Sub(p.StartedAt) >= healthyAfter {
		slot.Healthy = true
	}
	slot.RecycleDue = slot.RecycleDue || s.recycleDue(p)
	s.retireIfDue(slot, wanted)
	s.insist(slot)
	if at := s.timeoutAt(p); !at.IsZero() && !s.now.Before(at) {
		s.kill(slot, protocol.ExitJobTimeout)
	}
}

// retireIfDue retires a process that is no longer wanted or has reached a limit.
func (s *step) retireIfDue(slot *Slot, wanted bool) {
	p := &slot.Process
	if wanted && p.termAt.IsZero() && (p.Retiring == protocol.ExitPaused || p.Retiring == protocol.ExitDrained) {
		p.Retiring = "" // resumed or uncordoned before it was signalled
	}
	if p.Retiring == "" {
		if reason := s.due(p, wanted); reason != "" {
			s.retire(slot, reason)
		}
	}
}

// due returns why to retire a process now, or an empty reason.
func (s *step) due(p *Process, wanted bool) protocol.ExitReason {
	switch {
	case !wanted && s.Phase() == protocol.PhasePaused:
		return protocol.ExitPaused
	case !wanted && s.finishing:
		return protocol.ExitFinished
	case !wanted:
		return protocol.ExitDrained
	case s.restartDue(p):
		return protocol.ExitRestartRequested
	}
	return s.outgrown(p)
}

// restartDue reports whether a token requests a restart of a process of this age.
func (s *step) restartDue(p *Process) bool {
	return !s.restartAt.IsZero() && !s.now.Before(s.restartAt) && !p.StartedAt.After(s.restartAsked)
}

// inPlace is the multiple of a limit at which the agent replaces a process within its
// pod, if the operator has not replaced the pod by then.
const inPlace = 2

// recyclesByTime reports whether pods are replaced because of the age of their processes.
// A process that cannot be asked to end must end by itself.
func (s *State) recyclesByTime() bool { return s.Settings.RecyclePod && s.Facts.LifeLimit == 0 }

// recycleDue reports whether a process has reached the limit at which the operator
// replaces its pod.
func (s *step) recycleDue(p *Process) bool {
	set := &s.Settings
	return set.RecyclePod && set.MaxJobs > 0 && p.Jobs >= set.MaxJobs ||
		s.recyclesByTime() && p.MaxTime > 0 && s.now.Sub(p.StartedAt) >= p.MaxTime
}

// overdue returns the limit that a process has reached twice over although its pod should
// have been replaced, or an empty reason.
func (s *step) overdue(p *Process) protocol.ExitReason {
	set := &s.Settings
	switch {
	case set.MaxJobs > 0 && p.Jobs >= inPlace*set.MaxJobs:
		return protocol.ExitMaxJobs
	case s.recyclesByTime() && p.MaxTime > 0 && s.now.Sub(p.StartedAt) >= inPlace*p.MaxTime:
		return protocol.ExitMaxTime
	}
	return ""
}

// outgrown returns the limit that a process has reached, if the agent keeps that limit.
func (s *step) outgrown(p *Process) protocol.ExitReason {
	set := &s.Settings
	switch {
	case set.RetireBytes > 0 && p.Memory > set.RetireBytes:
		return protocol.ExitMemory
	case set.MaxExceptions > 0 && p.FailuresInARow >= set.MaxExceptions:
		return protocol.ExitMaxExceptions
	case set.RecyclePod:
		return s.overdue(p)
	}
	return s.reached(p)
}

// reached returns the limit that a process has reached, if the worker does not keep that
// limit itself.
func (s *step) reached(p *Process) protocol.ExitReason {
	switch {
	case !s.Facts.OwnMaxJobs && s.Settings.MaxJobs > 0 && p.Jobs >= s.Settings.MaxJobs:
		return protocol.ExitMaxJobs
	case !s.Facts.OwnMaxTime && p.MaxTime > 0 && s.now.Sub(p.StartedAt) >= p.MaxTime:
		return protocol.ExitMaxTime
	}
	return ""
}

func (s *step) retire(slot *Slot, reason protocol.ExitReason) {
	slot.Process.Retiring = reason
	if s.Facts.Signals && slot.Process.termAt.IsZero() {
		s.term(slot)
	}
}

func (s *step) kill(slot *Slot, reason protocol.ExitReason) {
	slot.Process.Killed = reason
	s.do(Kill{Slot: s.number(slot), PID: slot.Process.PID})
}

func (s *step) number(slot *Slot) int {
	for i := range s.Slots {
		if slot == &s.Slots[i] {
			return i
		}
	}
	return -1
}

// timeoutAt returns when the agent kills a process for its job, or zero for never.
func (s *State) timeoutAt(p *Process) time.Time {
	if s.Facts.OwnTimeout || s.Settings.Timeout <= 0 || p.Open == nil || p.Killed != "" {
		return time.Time{}
	}
	return p.Open.Since.Add(s.Settings.Timeout)
}

// Wake returns the next time at which a Tick changes something, or false if there is
// none.
func (s *State) Wake() (time.Time, bool) {
	var next earliest
	wanted := s.Wanted() > 0
	if wanted {
		next.consider(s.restartAt)
	}
	if s.Terminating && !s.killedAll {
		next.consider(s.Deadline)
	}
	for i := range s.Slots {
		slot := &s.Slots[i]
		if slot.Running() {
			s.wakeFor(slot, &next)
		} else if wanted && s.startable(slot) {
			next.consider(slot.RetryAt)
		}
	}
	return next.at, !next.at.IsZero()
}

// wakeFor considers the times at which a running process needs attention.
func (s *State) wakeFor(slot *Slot, next *earliest) {
	p := &slot.Process
	if !slot.Healthy {
		next.consider(p.StartedAt.Add(healthyAfter))
	}
	next.consider(s.timeoutAt(p))
	next.consider(s.insistAt(p))
	switch {
	case p.Retiring != "" || p.MaxTime == 0:
	case s.recyclesByTime() && !slot.RecycleDue:
		next.consider(p.StartedAt.Add(p.MaxTime))
	case s.recyclesByTime():
		next.consider(p.StartedAt.Add(inPlace * p.MaxTime))
	case !s.Facts.OwnMaxTime:
		next.consider(p.StartedAt.Add(p.MaxTime))
	}
}

// earliest is the first of the times considered; zero times do not count.
type earliest struct{ at time.Time }

func (e *earliest) consider(t time.Time) {
	if !t.IsZero() && (e.at.IsZero() || t.Before(e.at)) {
		e.at = t
	}
}
