// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import (
	"math"
	"time"
)

const (
	// keepUp is the part of the arriving work that processes are kept for by its rate.
	// For the rest, jobs wait a few seconds and are seen in the backlog: it is counted,
	// while a rate is an estimate whose highest moments would be paid for.
	keepUp = 0.7
	// headroom is the size, as a multiple of the work that arrives, that a pool keeps
	// when it shrinks: with less it would only have to grow again. slack is the size
	// from which on it does shrink.
	headroom, slack = 1.02, 1.05
	// aim is the part of the target wait that is aimed at.
	aim = 0.8
	// leastShare is the part of the target wait that a backlog is given at least: old
	// jobs are late already, and hurrying more only buys processes.
	leastShare = 0.25
	// A part of a process, or of a size, that is not worth another process.
	negligible, negligibleShare = 0.05, 0.02
	// most bounds every number of processes, so that no sum overflows.
	most = 1 << 30
	// longest bounds every duration for the same reason.
	longest = 365 * 24 * time.Hour
)

// demand is what arrives and what waits asks for, before any bound of the pool.
type demand struct {
	processes int32
	reason    Reason
	limit     Limit
	// empty: nothing is ready, about to be due or reserved.
	empty bool
	// rate is in jobs a second; service and left, the time for the backlog, in seconds.
	rate, service, left float64
	ready, soon         float64
}

func demandOf(in Input, memory Memory) demand {
	b := in.Backlog
	d := demand{
		rate: max(0, memory.Rate), service: memory.service(in),
		ready: float64(b.Ready), soon: float64(b.DueSoon),
		reason: ReasonDemand,
	}
	if due, ok := in.due(); ok && due <= in.lead() {
		d.soon = max(1, d.soon)
	}
	inside := float64(b.Reserved)
	if in.AgentsReadable {
		inside = max(inside, float64(in.Busy))
	}
	d.empty = d.ready+d.soon+inside == 0
	if d.empty && (!in.AgentsReadable || !memory.Measured.Moved) {
		d.reason = ReasonNothingToDo
		return d
	}
	need := d.need(in, memory.waiting(in, d.soon))
	startup := (in.startLatency() + Tick).Seconds()
	bound := d.ready + d.soon + inside + math.Ceil(d.rate*startup)
	if bound < need {
		need, d.limit = bound, LimitJobs
	}
	d.processes = max(1, whole(need), min(d.kept(in.Current), whole(bound)))
	if d.empty {
		// Jobs come and go between two measurements: a reason to stay, not to grow.
		d.processes = min(d.processes, in.Current)
	}
	if d.ready+inside == 0 && d.soon > 0 {
		d.reason = ReasonDelayedJobs
	}
	return d
}

// need is the law of the package comment, as a fraction of processes.
func (d *demand) need(in Input, waiting []group) float64 {
	load := d.rate * d.service
	steady := keepUp * load
	var oldest group
	if len(waiting) > 0 {
		oldest = waiting[0]
	}
	if in.AgentsReadable {
		// Processes with long jobs are needed where they are, and not there for others.
		steady = max(steady, float64(in.Busy)*min(1, d.service/oldest.left(in)))
	}
	// What was left out as negligible does not ask for a process once it is missing.
	there := max(float64(in.Current)+2*negligible, float64(in.Current)*(1+2*negligibleShare))
	var drain float64
	for _, g := range waiting {
		if n := g.drain(in, d.service, there-steady); n >= drain {
			drain, d.left = n, g.left(in)
		}
	}
	return steady + drain
}

// kept is what the pool does not shrink below for want of a backlog: what arrives
// keeps it busy.
func (d *demand) kept(current int32) int32 {
	load := d.rate * d.service
	if float64(current) <= slack*load {
		return current
	}
	return min(current, whole(headroom*load))
}

// left is the time in which a group is to be begun, in seconds.
func (g group) left(in Input) float64 {
	target := in.targetWait().Seconds()
	return max(aim*target-g.age, leastShare*target)
}

// drain is how many processes begin a group in time if so many are there for it.
func (g group) drain(in Input, service, there float64) float64 {
	left := g.left(in)
	started := max(left-in.startLatency().Seconds(), leastShare*in.targetWait().Seconds())
	work := g.jobs * service
	present := min(max(0, there), work/left)
	return present + (work-present*left)/started
}

// whole rounds up, but for a negligible part. Rounding errors of the sum do not turn a
// whole number into the next one.
func whole(need float64) int32 {
	const precision = 1e-6
	return int32(min(math.Ceil(need*(1-precision)-max(negligible, negligibleShare*need)), most))
}

// within applies the bounds of the pool and rounds to whole pods: up, or down where
// the maximum does not leave room for another one.
func (s Spec) within(n int32) (int32, Limit) {
	limit := LimitNone
	switch {
	case n > s.Max:
		n, limit = s.Max, LimitMaximum
	case n < s.Min:
		n, limit = min(s.Min, s.Max), LimitMinimum
	}
	pod := max(1, s.ProcessesPerPod)
	if up := (int64(n) + int64(pod) - 1) / int64(pod) * int64(pod); up <= int64(s.Max) {
		return int32(up), limit
	}
	if down := n / pod * pod; down >= max(1, s.Min) {
		return down, LimitMaximum
	}
	return n, limit
}

func (in Input) sane() Input {
	s := &in.Spec
	s.Max = min(max(0, s.Max), most)
	s.Min = min(max(0, s.Min), s.Max)
	s.ProcessesPerPod = min(max(1, s.ProcessesPerPod), most)
	s.ScaleDownStep = max(0, s.ScaleDownStep)
	for _, span := range []*time.Duration{
		&s.TargetWait, &s.ExpectedJob, &s.Timeout, &s.Rest, &s.ScaleDownWindow, &in.StartLatency, &in.Remembered.ServiceTime,
	} {
		*span = min(max(0, *span), longest)
	}
	in.Current = min(max(0, in.Current), most)
	in.Busy = min(max(0, in.Busy), in.Current)
	in.BusyTime = max(0, in.BusyTime)
	in.Completed.Attempts = max(0, in.Completed.Attempts)
	in.Completed.Seconds = finite(in.Completed.Seconds)
	in.Remembered.ArrivalRate = finite(in.Remembered.ArrivalRate)
	if in.Backlog != nil {
		b := *in.Backlog
		b.Ready, b.Delayed = max(0, b.Ready), max(0, b.Delayed)
		b.Reserved, b.DueSoon = max(0, b.Reserved), max(0, b.DueSoon)
		in.Backlog = &b
	}
	return in
}

// finite returns x between 0 and a bound that sums and products can stand.
func finite(x float64) float64 {
	if !(x > 0) { // so that NaN is none of it
		return 0
	}
	return min(x, 1e15)
}

func seconds(s float64) time.Duration {
	return time.Duration(min(finite(s), 1e9) * float64(time.Second))
}
