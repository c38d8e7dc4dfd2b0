// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scaling

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"queueworker.dev/queueworker/controllers/throughput"
)

const (
	// stays is the relative error up to which a shown figure is kept.
	stays = 0.15
	// slowest is the arrival rate, in jobs a second, below which none is shown.
	slowest = 0.001
	// clears is the part of a size that must be free for the backlog to be called
	// shrinking.
	clears = 0.02
)

// update takes over the figures that differ visibly.
func (s Shown) update(wanted demand, n int32) Shown {
	rate := wanted.rate
	if rate < slowest {
		rate = 0
	}
	load, size := wanted.rate*wanted.service, float64(n)
	left := 0.0
	switch free := size - load; {
	case wanted.ready == 0:
	case free < clears*size || n == 0:
		left = -1
	default:
		left = wanted.ready * wanted.service / free
	}
	return Shown{
		ArrivalRate: sticky(s.ArrivalRate, rate),
		Service:     sticky(s.Service, wanted.service),
		Ready:       sticky(s.Ready, wanted.ready+wanted.soon),
		Left:        sticky(s.Left, wanted.left),
		Clear:       sticky(s.Clear, left),
		Enough:      sticky(s.Enough, float64(wanted.processes)),
		Utilisation: sticky(s.Utilisation, finite(load/max(1, size))),
	}
}

// sticky returns the old figure if the new one is about the same. Otherwise it returns the
// new one in two digits.
func sticky(old, now float64) float64 {
	if old > 0 && math.Abs(now-old) <= stays*old {
		return old
	}
	if now <= 0 {
		return now
	}
	digits := math.Pow(10, math.Floor(math.Log10(now))-1)
	if rounded := math.Round(now/digits) * digits; rounded > 0 {
		// Through text, because a figure like 3.1000000000000001 is not worth a write.
		if parsed, err := strconv.ParseFloat(fmt.Sprintf("%.2g", rounded), 64); err == nil {
			return parsed
		}
	}
	return 0
}

func clearTime(s float64) time.Duration {
	if s < 0 {
		return Never
	}
	return seconds(s)
}

// sentence describes a decision with its numbers.
func sentence(in Input, d Decision, shown Shown) string {
	size := processes(d.Processes)
	switch d.Reason {
	case ReasonNothingToDo:
		return size + ": no job waits, none is due soon, and none is being worked on" + d.limits(in, shown) + "."
	case ReasonDelayedJobs:
		return fmt.Sprintf("%s: delayed jobs (%s) are due before a pod could start%s.", size, count(shown.Ready), d.limits(in, shown))
	case ReasonAgentsUnreadable:
		return size + ": not every agent answers, so the pool does not shrink."
	case ReasonScaleDownPending:
		return fmt.Sprintf("%s: %s would be enough%s.", size, count(shown.Enough), d.limits(in, shown))
	case ReasonDemand, ReasonPaused, ReasonStopped, ReasonBacklogUnknown:
	}
	return fmt.Sprintf("%s: %s arrive and take %s each, which keeps %s busy, and %s%s.", size, rateOf(shown.ArrivalRate),
		throughput.FormatTime(shown.Service), parts(shown.ArrivalRate*shown.Service), waiting(shown), d.limits(in, shown))
}

func waiting(shown Shown) string {
	if shown.Ready == 0 {
		return "none waits"
	}
	return fmt.Sprintf("the waiting jobs (%s) must begin within %s", count(shown.Ready), throughput.FormatTime(shown.Left))
}

// limits returns the end of a sentence: what kept the size from what was asked for.
func (d Decision) limits(in Input, shown Shown) string {
	switch d.LimitedBy {
	case LimitMinimum:
		return fmt.Sprintf("; spec.autoscaling.minProcesses is %d", in.Spec.Min)
	case LimitMaximum:
		return fmt.Sprintf("; that needs %s, but spec.autoscaling.maxProcesses is %d", count(shown.Enough), in.Spec.Max)
	case LimitJobs:
		return "; more processes would find no job"
	case LimitWindow:
		return "; the pool shrinks once fewer have been enough for " + throughput.FormatTime(in.Spec.ScaleDownWindow.Seconds())
	case LimitStep:
		return fmt.Sprintf("; the pool shrinks by %d at a time", max(in.Spec.ScaleDownStep, in.Spec.ProcessesPerPod))
	case LimitNone, LimitCap:
	}
	return ""
}

func processes(n int32) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}

// parts formats a fraction of processes in two digits.
func parts(x float64) string {
	if x < 0.1 {
		return "less than 0.1 processes"
	}
	if n := count(x); n != "1" {
		return n + " processes"
	}
	return "1 process"
}

func count(x float64) string {
	if x >= 10 {
		return strconv.FormatFloat(math.Round(x), 'f', 0, 64)
	}
	return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64)
}

func rateOf(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "hardly any jobs"
	case perSecond < 0.5:
		return count(60*perSecond) + " jobs a minute"
	default:
		return count(perSecond) + " jobs/s"
	}
}
