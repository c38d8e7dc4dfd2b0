// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package stuck finds worker processes that wait while there is work: alive by
// every outward sign, and yet they take no job. A Laravel worker is left so by a
// connection that died without a word, for example.
//
// A process is stuck if for Patience, at every look, jobs were ready on its queues,
// it was idle, and nothing it did was new. Where the backend tells how long the
// oldest job has been ready, that job must have been ready for half of Patience:
// else others take the jobs and this process has no luck. A stuck process is
// restarted, its pod at most once an Interval.
package stuck

import (
	"maps"
	"slices"
	"time"
)

const (
	// Interval is the shortest time between two restarts of one pod.
	Interval = 10 * time.Minute
	// leastPatience is the least Patience.
	leastPatience = time.Minute
)

// Patience is how long a process with this pause between two looks at its queues may
// be idle while there is work.
func Patience(pause time.Duration) time.Duration {
	return max(leastPatience, 30*time.Second+4*pause)
}

// Input is all that decides which processes are stuck.
type Input struct {
	Now time.Time
	// Ready is how many jobs are ready; 0 also where that is not known, or where the
	// processes are not meant to take them.
	Ready int64
	// Oldest is how long the oldest of them has been ready; nil if that is not known.
	Oldest *time.Duration
	// Patience is how long a process may be idle while there is work.
	Patience time.Duration
	// Processes are those of the pool.
	Processes []Process
	// Memory is that of the last look.
	Memory Memory
}

// Process is one worker process.
type Process struct {
	// Pod is its pod's name, Slot its place in the pod.
	Pod  string
	Slot int32
	// Idle tells that it waits for a job.
	Idle bool
	// Done changes when it ended a job or was replaced.
	Done Progress
}

// Progress is what a process has done so far.
type Progress struct {
	PID             int32
	Ended, PodEnded int64
}

// Memory is what one look leaves to the next.
type Memory struct {
	// Waiting are the processes that have been idle while there was work.
	Waiting map[Key]Mark
	// Restarted is when pods were last restarted for this.
	Restarted map[string]time.Time
}

// Key names a process.
type Key struct {
	Pod  string
	Slot int32
}

// Mark is since when a process has been idle with the same progress.
type Mark struct {
	Since time.Time
	Done  Progress
}

// Output is what was found.
type Output struct {
	// Stuck are the pods with a stuck process, sorted.
	Stuck []string
	// Restart are those of them to be restarted now, sorted.
	Restart []string
	// Recheck is after how long to look again; 0 means when something has changed.
	Recheck time.Duration
	Memory  Memory
}

// Find finds the stuck processes of a pool.
func Find(in Input) Output {
	out := Output{Memory: Memory{Waiting: map[Key]Mark{}, Restarted: map[string]time.Time{}}}
	for pod, at := range in.Memory.Restarted {
		if in.Now.Sub(at) < Interval {
			out.Memory.Restarted[pod] = at
		}
	}
	if in.Ready <= 0 {
		return out
	}
	stuck := map[string]bool{}
	for _, process := range in.Processes {
		if process.Idle && out.waitsTooLong(in, process) {
			stuck[process.Pod] = true
		}
	}
	out.Stuck = slices.Sorted(maps.Keys(stuck))
	for _, pod := range out.Stuck {
		if _, lately := out.Memory.Restarted[pod]; !lately {
			out.Memory.Restarted[pod] = in.Now
			out.Restart = append(out.Restart, pod)
		}
	}
	return out
}

// waitsTooLong marks an idle process, and tells whether it has been idle for Patience
// without others having taken the jobs.
func (o *Output) waitsTooLong(in Input, process Process) bool {
	key := Key{process.Pod, process.Slot}
	mark, waiting := in.Memory.Waiting[key]
	if !waiting || mark.Done != process.Done {
		mark = Mark{Since: in.Now, Done: process.Done}
	}
	o.Memory.Waiting[key] = mark
	if left := in.Patience - in.Now.Sub(mark.Since); left > 0 {
		o.Recheck = sooner(o.Recheck, left)
		return false
	}
	return in.Oldest == nil || *in.Oldest >= in.Patience/2
}

// sooner is the shorter of two waits, of which 0 is none.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}
