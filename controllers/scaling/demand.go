// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import (
	"math"
	"time"
)

const (
	// busyShare is the part of its time a process shall work at most, so that jobs
	// that arrive unevenly are begun soon.
	busyShare = 0.8
	// aim is the part of the target wait that is aimed at.
	aim = 0.8
	// leastShare is the part of the target wait that a backlog is given at least: old
	// jobs are late already, and hurrying more only buys processes.
	leastShare = 0.25
	// negligible is the part of a process that is not worth another one.
	negligible = 0.05
	// most bounds every number of processes, so that no sum overflows.
	most = 1 << 30
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
	if d.empty && !(in.AgentsReadable && memory.Measured.Moved) {
		d.reason = ReasonNothingToDo
		return d
	}
	need := d.need(in, memory.age(in))
	startup := (in.startLatency() + Tick).Seconds()
	bound := d.ready + d.soon + inside + math.Ceil(d.rate*startup)
	if bound < need {
		need, d.limit = bound, LimitJobs
	}
	d.processes = max(1, whole(need))
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
func (d *demand) need(in Input, age time.Duration) float64 {
	target := in.targetWait().Seconds()
	least := leastShare * target
	there := max(aim*target-age.Seconds(), least)
	started := max(there-in.startLatency().Seconds(), least)
	d.left = there

	base := d.rate * d.service / busyShare
	work := (d.ready + d.soon) * d.service
	present := min(max(0, float64(in.Current)-base), work/there)
	drain := present + (work-present*there)/started
	if in.AgentsReadable {
		base = max(base, float64(in.Busy)*min(1, d.service/there))
	}
	return base + drain
}

// whole rounds up, but for a negligible part.
func whole(need float64) int32 {
	return int32(min(math.Ceil(need-negligible), most))
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
	s.ScaleDownWindow = max(0, s.ScaleDownWindow)
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
