// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import (
	"math"
	"time"
)

const (
	// keepUp is the part of the arriving work for which the rate alone keeps processes. The
	// jobs of the rest wait a few seconds and appear in the backlog. The backlog is
	// counted, but a rate is an estimate, and its peaks would be paid for.
	keepUp = 0.7
	// headroom is the size that a shrinking pool keeps, as a multiple of the arriving work:
	// a smaller pool would only have to grow again. slack is the multiple above which the
	// pool shrinks at all.
	headroom, slack = 1.02, 1.05
	// aim is the part of the target wait that the pool aims at.
	aim = 0.8
	// leastShare is the least part of the target wait that a backlog is given. Old jobs are
	// late already, and more hurry only buys processes.
	leastShare = 0.25
	// A part of a process, or of a size, that is not worth another process.
	negligible, negligibleShare = 0.05, 0.02
	// most bounds every number of processes, so that no sum overflows.
	most = 1 << 30
	// longest bounds every duration for the same reason.
	longest = 365 * 24 * time.Hour
)

// demand is the size that arriving and waiting jobs ask for, before any bound of the pool.
type demand struct {
	processes int32
	reason    Reason
	limit     Limit
	// empty: nothing is ready, about to be due or reserved.
	empty bool
	// rate is in jobs a second. service, and left, the time for the backlog, are in
	// seconds.
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
		// Jobs came and went between two measurements: a reason to stay, not to grow.
		d.processes = min(d.processes, in.Current)
	}
	if d.ready+inside == 0 && d.soon > 0 {
		d.reason = ReasonDelayedJobs
	}
	return d
}

// need computes the law of the package comment, as a fraction of processes.
func (d *demand) need(in Input, waiting []group) float64 {
	load := d.rate * d.service
	steady := keepUp * load
	var oldest group
	if len(waiting) > 0 {
		oldest = waiting[0]
	}
	if in.AgentsReadable {
		// A process with a long job is needed for that job and cannot help with other jobs.
		steady = max(steady, float64(in.Busy)*min(1, d.service/oldest.left(in)))
	}
	// What was left out as negligible must not ask for a process once the process is
	// missing.
	there := max(float64(in.Current)+2*negligible, float64(in.Current)*(1+2*negligibleShare))
	var drain float64
	for _, g := range waiting {
		if n := g.drain(in, d.service, there-steady); n >= drain {
			drain, d.left = n, g.left(in)
		}
	}
	return steady + drain
}

// kept returns the size below which the pool does not shrink even without a backlog,
// because arriving jobs keep it busy.
func (d *demand) kept(current int32) int32 {
	load := d.rate * d.service
	if float64(current) <= slack*load {
		return current
	}
	return min(current, whole(headroom*load))
}

// left returns the time within which a group must be begun, in seconds.
func (g group) left(in Input) float64 {
	target := in.targetWait().Seconds()
	return max(aim*target-g.age, leastShare*target)
}

// drain returns how many processes begin a group in time if there processes are present for
// it.
func (g group) drain(in Input, service, there float64) float64 {
	left := g.left(in)
	started := max(left-in.startLatency().Seconds(), leastShare*in.targetWait().Seconds())
	work := g.jobs * service
	present := min(max(0, there), work/left)
	return present + (work-present*left)/started
}

// whole rounds up, except for a negligible part. Rounding errors of the sum do not turn a
// whole number into the next one.
func whole(need float64) int32 {
	const precision = 1e-6
	return int32(min(math.Ceil(need*(1-precision)-max(negligible, negligibleShare*need)), most))
}

// within applies the bounds of the pool and rounds to whole pods: up, or down if the
// maximum leaves no room for another pod.
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

// finite returns x limited to between 0 and a bound that sums and products can stand.
func finite(x float64) float64 {
	if !(x > 0) { // also true for NaN
		return 0
	}
	return min(x, 1e15)
}

func seconds(s float64) time.Duration {
	return time.Duration(min(finite(s), 1e9) * float64(time.Second))
}
