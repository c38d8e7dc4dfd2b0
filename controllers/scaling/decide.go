// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import (
	"time"
)

// longestLead bounds how long before its due time a delayed job wakes a pool.
const longestLead = time.Minute

// Decide returns how many processes the pool should have. The same input gives the same
// decision. Deciding again between two measurements changes only the state of the
// scale-down window.
func Decide(in Input) Decision {
	in = in.sane()
	memory := in.Memory.begin(in)
	switch {
	case in.Stopped:
		memory.Asked = nil
		return Decision{
			Reason: ReasonStopped, Message: "0 processes: the pool is stopped.",
			Memory: memory, ArrivalRate: memory.Shown.ArrivalRate, ServiceTime: seconds(memory.Shown.Service),
		}
	case in.Paused:
		return hold(in, memory, ReasonPaused, "the pool is paused, so its size stays", 0)
	case in.Backlog == nil:
		return hold(in, memory, ReasonBacklogUnknown, "the backlog is unknown, so the size stays", Tick)
	case in.Now.Sub(in.Backlog.MeasuredAt) > StaleAfter:
		return hold(in, memory, ReasonBacklogUnknown, "the backlog was last measured more than a minute ago, so the size stays", Tick)
	}
	memory = memory.observe(in)
	wanted := demandOf(in, memory)
	return settle(in, memory, wanted)
}

// hold keeps the size within the bounds. The held size counts as asked for: once the
// backlog is known again, the pool does not shrink before a window has passed.
func hold(in Input, memory Memory, reason Reason, why string, recheck time.Duration) Decision {
	memory.Asked = ask(memory.Asked, in, in.Current)
	n, limit := in.Spec.within(in.Current)
	return Decision{
		Processes: n, Reason: reason, LimitedBy: limit,
		Message:     processes(n) + ": " + why + ".",
		ArrivalRate: memory.Shown.ArrivalRate,
		ServiceTime: seconds(memory.Shown.Service),
		Utilisation: memory.Shown.Utilisation,
		Memory:      memory,
		Recheck:     recheck,
	}
}

// settle turns the demand into a size: up at once, down by window and step, within the
// bounds.
func settle(in Input, memory Memory, wanted demand) Decision {
	d := Decision{Reason: wanted.reason, LimitedBy: wanted.limit}
	target := wanted.processes
	if !in.AgentsReadable && target < in.Current && !wanted.empty {
		target, d.Reason, d.LimitedBy = in.Current, ReasonAgentsUnreadable, LimitNone
	}
	memory.Asked = ask(memory.Asked, in, target)
	size := target
	var slowed Limit
	if target < in.Current {
		size, slowed = memory.shrink(in, target)
	}
	n, _ := in.Spec.within(size)
	if enough, bound := in.Spec.within(target); n != enough {
		d.Reason, d.LimitedBy = ReasonScaleDownPending, slowed
	} else if bound != LimitNone {
		d.LimitedBy = bound
	}
	if n < in.Current {
		memory.SteppedAt = in.Now
	}
	memory.Shown = memory.Shown.update(wanted, n)
	d.Processes = n
	d.Memory = memory
	d.ArrivalRate = memory.Shown.ArrivalRate
	d.ServiceTime = seconds(memory.Shown.Service)
	d.Utilisation = memory.Shown.Utilisation
	d.TimeToClear = clearTime(memory.Shown.Clear)
	d.Message = sentence(in, d, memory.Shown)
	d.Recheck = recheck(in, wanted, d)
	return d
}

// recheck returns when to decide again: after a tick while there is work, at the end of the
// window if the pool only waits to shrink, and when the next delayed job needs a pod.
func recheck(in Input, wanted demand, d Decision) time.Duration {
	if !wanted.empty {
		return Tick
	}
	least, _ := in.Spec.within(0)
	var next time.Duration
	if d.Processes > least {
		next = Tick
		if d.LimitedBy == LimitWindow && len(d.Memory.Asked) > 0 {
			next = max(Tick, d.Memory.Asked[0].At.Add(in.Spec.ScaleDownWindow).Sub(in.Now)+time.Millisecond)
		}
	}
	if due, ok := in.due(); ok && d.Processes == 0 {
		// A moment late rather than early: then the job is within the lead.
		if wake := max(time.Millisecond, due-in.lead()); next == 0 || wake < next {
			next = wake
		}
	}
	return next
}

// due returns the time until the next job becomes ready by itself.
func (in Input) due() (time.Duration, bool) {
	if in.Backlog.NextDue == nil {
		return 0, false
	}
	return in.Backlog.MeasuredAt.Add(*in.Backlog.NextDue).Sub(in.Now), true
}

// lead returns how long before its due time a delayed job's pod is started. The pod
// needs its time to start in any case; if it starts earlier, the job need not wait for
// it.
func (in Input) lead() time.Duration {
	return min(in.startLatency(), longestLead)
}

func (in Input) startLatency() time.Duration {
	if in.StartLatency <= 0 {
		return DefaultStartLatency
	}
	return in.StartLatency
}

func (in Input) targetWait() time.Duration {
	if in.Spec.TargetWait <= 0 {
		return DefaultTargetWait
	}
	return in.Spec.TargetWait
}
