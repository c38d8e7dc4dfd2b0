// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package wording

import (
	"fmt"
	"strings"

	"queueworker.dev/queueworker/console/view"
)

// Fact returns a fact about the size of a pool.
func Fact(f view.Fact) string { return view.CleanText(facts[f.Code](f)) }

type factText = func(view.Fact) string

// facts are the facts of `explain` and of the line Size in `status`.
var facts = map[view.Code]factText{
	view.NotLookedAt: func(f view.Fact) string {
		return f.Worker + ": the operator has not observed it yet, so nothing is decided."
	},
	view.SizeNow: func(f view.Fact) string {
		return fmt.Sprintf("%s has %s: %d ready, %d busy. Its desired size is %d.", f.Worker, processes(f.Processes), f.Ready, f.Busy, f.Desired)
	},
	view.EarlierSpec: always[view.Fact]("This describes an earlier spec: the operator has not observed the last change yet."),
	view.StoppedWins: func(f view.Fact) string {
		return "spec.stopped is true, so the pool has no processes whatever else the spec says. To restore its previous size: kubectl queueworker start " + f.Worker + "."
	},
	view.BatchSize: func(f view.Fact) string {
		return "It is of mode Batch: a run has " + processes(f.Processes) + " (spec.processes), and between runs the pool has none."
	},
	view.NoRunYet: always[view.Fact]("No run has started yet."),
	view.RunUnderWay: func(f view.Fact) string {
		return "The run " + f.Run + " is under way. It ends when the queues are empty."
	},
	view.NextRun: func(f view.Fact) string {
		return "No run is under way. The next starts in " + Short(f.In) + ", by the schedule " + f.Schedule + "."
	},
	view.NoRunScheduled: func(f view.Fact) string {
		return "No run is under way, and none is scheduled. To start one: kubectl queueworker run " + f.Worker + "."
	},
	view.Autoscaled: func(f view.Fact) string {
		return fmt.Sprintf("Autoscaling chooses between %d and %d, so that no job waits longer than %s (spec.autoscaling; spec.processes is ignored).", f.Lowest, f.Highest, Short(f.Target))
	},
	view.Undecided: always[view.Fact]("Autoscaling has not decided yet."),
	view.Decided: func(f view.Fact) string {
		return fmt.Sprintf("Autoscaling decided on %d (%s): %s", f.Desired, f.Reason, f.Message)
	},
	view.Numbers: numbers,
	view.Limited: limited,
	view.FixedSize: func(f view.Fact) string {
		return fmt.Sprintf("There is no spec.autoscaling, so the size is spec.processes: %d.", f.Processes)
	},
	view.WholePods: func(f view.Fact) string {
		return fmt.Sprintf("Each pod has %d processes, so the size is rounded up to whole pods.", f.PerPod)
	},
	view.PausedPods: func(f view.Fact) string {
		return fmt.Sprintf("The pool is paused (%s): its pods stay, and each process ends after its job. To resume it: kubectl queueworker resume %s.", f.Reason, f.Worker)
	},
	view.AppCap: func(f view.Fact) string {
		return fmt.Sprintf("The QueueApp %s allows %d processes in all its pools together (spec.maxProcesses); this pool's priority is %d.", f.App, f.Processes, f.Priority)
	},
	view.SizeStopped: always[view.Fact]("no processes, because spec.stopped is true"),
	view.SizeUndecided: func(f view.Fact) string {
		return fmt.Sprintf("%d wanted; autoscaling between %d and %d has not decided yet", f.Desired, f.Lowest, f.Highest)
	},
	view.SizeAutoscaled: func(f view.Fact) string {
		return fmt.Sprintf("%d wanted, of %d to %d: %s", f.Desired, f.Lowest, f.Highest, view.Clean(f.Message))
	},
	view.SizeRounded: func(f view.Fact) string {
		return fmt.Sprintf("%d wanted: spec.processes is %d, in pods of %d", f.Desired, f.Processes, f.PerPod)
	},
	view.SizeFixed: func(f view.Fact) string {
		return fmt.Sprintf("%d wanted: spec.processes is %d", f.Desired, f.Processes)
	},
}

func processes(n int32) string {
	if n == 1 {
		return "1 process"
	}
	return fmt.Sprintf("%d processes", n)
}

// numbers lists the numbers that a decision is based on.
func numbers(f view.Fact) string {
	var known []string
	if b := f.Backlog; b != nil {
		known = append(known, fmt.Sprintf("%d jobs ready, %d delayed, %d being worked on", b.Ready, b.Delayed, b.Reserved))
		if !b.OldestTime.IsZero() {
			known = append(known, "the oldest has waited for "+Short(f.OldestWaits))
		}
	}
	for _, number := range []struct{ value, text string }{
		{f.Autoscaling.ArrivalRate, "%s jobs arrive per second"},
		{f.Autoscaling.ServiceTime, "a job takes %s"},
		{f.Autoscaling.Utilisation, "the arriving jobs would keep the pool %s busy"},
		{f.Autoscaling.TimeToClear, "at this size the backlog is cleared in %s"},
	} {
		if number.value != "" {
			known = append(known, fmt.Sprintf(number.text, number.value))
		}
	}
	return "The numbers: " + strings.Join(known, "; ") + "."
}

// limits explain the values of status.autoscaling.limitedBy.
var limits = map[string]string{
	"Minimum":         "fewer would be enough, but spec.autoscaling.minProcesses requires these",
	"Maximum":         "more are needed, but spec.autoscaling.maxProcesses allows no more",
	"Jobs":            "more processes than jobs would be idle",
	"ScaleDownWindow": "fewer would be enough, but not yet for as long as spec.autoscaling.scaleDown.window requires",
	"ScaleDownStep":   "fewer would be enough, and spec.autoscaling.scaleDown.step removes processes step by step",
	"Cap":             "the QueueApp's maxProcesses is shared with its other pools",
}

func limited(f view.Fact) string {
	if why, ok := limits[f.Reason]; ok {
		return "Limited by " + f.Reason + ": " + why + "."
	}
	return "Limited by " + f.Reason + "."
}
