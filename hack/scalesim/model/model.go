// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package model simulates a queue and the pods that work on it, one process each. The
// simulated time is exact, event by event, and the same for the same seed.
//
// A pod takes StartLatency from its creation to its first look for a job. It is removed in
// one of two ways. A drained pod takes no further job, ends when it has finished its
// present job, and may be called back until then. Pending pods are drained first, then
// idle pods, then the pods whose job is youngest. The ReplicaSet removes pods that are not
// ready first, then any pods, whatever they do. Their process gets SIGTERM and finishes
// its job, but is killed when the grace period is over. A killed job is back at the head
// of the queue at once, which favors the law over what Laravel does (retry_after).
package model

import (
	"math"
	"math/rand/v2"

	"queueworker.dev/queueworker/hack/scalesim/trace"
)

// StartLatency is how long a pod takes to start, in seconds.
const StartLatency = 15

// A Law decides on the number of processes.
type Law interface {
	// Every is the time between two decisions, in seconds.
	Every() float64
	// Size returns the number of processes wanted.
	Size(Observation) int
}

// Removal describes how pods are removed.
type Removal struct {
	// Drain means that only idle pods are removed. Otherwise Grace counts, in seconds.
	Drain bool
	Grace float64
}

// Observation holds what a law may know.
type Observation struct {
	// Now is in seconds since the beginning.
	Now float64
	// Ready and Reserved are the numbers of jobs that wait and that are being worked on.
	// Sent is the number of all jobs put so far.
	Ready, Reserved, Sent int
	// Ended is the number of attempts that ended by themselves; EndedSeconds is their
	// total time.
	Ended        int
	EndedSeconds float64
	// Current is the number of wanted pods, Busy of those at work, and BusySeconds their
	// total time at work so far.
	Current, Busy int
	BusySeconds   float64
}

// Sample is the state at one decision.
type Sample struct {
	// At is in seconds since the beginning.
	At float64
	// Ready jobs, existing pods, pods wanted from now on, and the age of the oldest ready
	// job in seconds.
	Ready, Pods, Wanted int
	Oldest              float64
}

// Outcome is the result of a simulation.
type Outcome struct {
	// Waits are the seconds from put to begun, of the attempts that ended by themselves.
	Waits []float64
	// Killed is the number of attempts that were killed.
	Killed int
	// Used and Lost are in worker-seconds. Used counts pods from creation to end; Lost is
	// the part of it that went into killed attempts.
	Used, Lost float64
	// Moves is how often the wanted size changed.
	Moves   int
	Samples []Sample
}

type job struct {
	at, service float64
}

type pod struct {
	created, begun float64
	ready, leaving bool
	job            *job
	// epoch invalidates events of an earlier job.
	epoch int
	gone  bool
}

type simulation struct {
	now      float64
	removal  Removal
	random   *rand.Rand
	queue    []*job
	returned []*job
	pods     []*pod
	idle     []*pod
	events   eventHeap
	order    int
	seen     Observation
	out      Outcome
}

// patience is how long after the last job a law may leave jobs unfinished, in seconds.
const patience = 24 * 3600

// Run replays jobs under a law until all are finished. It runs until the given time at
// least and for another day at most. Jobs that have not begun by then are missing in Waits.
func Run(jobs []trace.Job, law Law, removal Removal, until float64, least int, seed uint64) Outcome {
	s := &simulation{removal: removal, random: rand.New(rand.NewPCG(seed, 2))}
	for range least {
		s.create()
	}
	s.seen.Current = least
	for tick := 0.0; ; {
		s.now = min(tick, s.nextJob(jobs), s.nextEvent())
		switch s.now {
		case s.nextEvent():
			s.handle(s.events.pop())
		case s.nextJob(jobs):
			s.queue = append(s.queue, &job{at: s.now, service: jobs[s.seen.Sent].Service})
			s.seen.Sent++
		default:
			done := s.seen.Sent == len(jobs) && s.waiting()+s.working() == 0
			if s.now >= until && done || s.now >= until+patience {
				return s.end()
			}
			s.decide(law)
			tick += law.Every()
		}
		s.assign()
	}
}

// nextJob and nextEvent return the times of the next job and the next event.
func (s *simulation) nextJob(jobs []trace.Job) float64 {
	if s.seen.Sent == len(jobs) {
		return math.Inf(1)
	}
	return jobs[s.seen.Sent].At
}

func (s *simulation) nextEvent() float64 {
	if len(s.events) == 0 {
		return math.Inf(1)
	}
	return s.events[0].at
}

func (s *simulation) end() Outcome {
	for _, p := range s.pods {
		s.out.Used += s.now - p.created
	}
	return s.out
}

func (s *simulation) waiting() int { return len(s.queue) + len(s.returned) }

func (s *simulation) working() (n int) {
	for _, p := range s.pods {
		if p.job != nil {
			n++
		}
	}
	return n
}

func (s *simulation) decide(law Law) {
	o := s.seen
	o.Now, o.Ready, o.Reserved = s.now, s.waiting(), s.working()
	for _, p := range s.pods {
		if p.job != nil && !p.leaving {
			o.Busy++
			o.BusySeconds += s.now - p.begun
		}
	}
	var oldest float64
	if o.Ready > 0 {
		oldest = s.now - s.head().at
	}
	wanted := law.Size(o)
	s.out.Samples = append(s.out.Samples, Sample{At: s.now, Ready: o.Ready, Pods: len(s.pods), Wanted: wanted, Oldest: oldest})
	if wanted != s.seen.Current {
		s.out.Moves++
		s.seen.Current = wanted
		s.resize(wanted)
	}
}

func (s *simulation) head() *job {
	if len(s.returned) > 0 {
		return s.returned[0]
	}
	return s.queue[0]
}

func (s *simulation) take() *job {
	from := &s.queue
	if len(s.returned) > 0 {
		from = &s.returned
	}
	j := (*from)[0]
	*from = (*from)[1:]
	return j
}

// assign gives waiting jobs to idle pods.
func (s *simulation) assign() {
	for len(s.idle) > 0 && s.waiting() > 0 {
		p := s.idle[len(s.idle)-1]
		s.idle = s.idle[:len(s.idle)-1]
		if p.leaving || p.gone {
			continue
		}
		p.job, p.begun = s.take(), s.now
		p.epoch++
		s.at(event{at: s.now + p.job.service, pod: p, epoch: p.epoch, kind: jobDone})
	}
}

func (s *simulation) handle(e event) {
	p := e.pod
	if p.gone || e.epoch != p.epoch {
		return
	}
	switch e.kind {
	case podReady:
		p.ready = true
		s.idle = append(s.idle, p)
	case jobDone:
		s.seen.Ended++
		s.seen.EndedSeconds += p.job.service
		s.out.Waits = append(s.out.Waits, p.begun-p.job.at)
		p.job = nil
		if p.leaving {
			s.remove(p)
			return
		}
		s.idle = append(s.idle, p)
	case podKilled:
		s.out.Killed++
		s.out.Lost += s.now - p.begun
		s.returned = append(s.returned, p.job)
		s.remove(p)
	}
}
