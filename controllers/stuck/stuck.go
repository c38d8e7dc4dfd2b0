// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package stuck finds worker processes that look alive but take no job while there is
// work. A connection that died silently leaves a Laravel worker like this, for example.
//
// A process is stuck if for Patience, at every look, jobs were ready on its queues, it
// was idle, and its progress did not change. If the backend reports how long the oldest
// job has been ready, that must be at least half of Patience. Otherwise other processes
// take the jobs and this process merely has no luck. A stuck process is restarted, its
// pod at most once per Interval.
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

// Patience returns how long a process with this pause between two looks at its queues
// may be idle while there is work.
func Patience(pause time.Duration) time.Duration {
	return max(leastPatience, 30*time.Second+4*pause)
}

// Input holds everything that decides which processes are stuck.
type Input struct {
	Now time.Time
	// Ready is how many jobs are ready. It is 0 also if that is unknown, or if the
	// processes are not meant to take them.
	Ready int64
	// Oldest is how long the oldest ready job has been ready; nil if unknown.
	Oldest *time.Duration
	// Patience is how long a process may be idle while there is work.
	Patience time.Duration
	// Processes are the processes of the pool.
	Processes []Process
	// Memory is the memory of the last look.
	Memory Memory
}

// Process is one worker process.
type Process struct {
	// Pod is the name of the process's pod, Slot its place in the pod.
	Pod  string
	Slot int32
	// Idle reports whether the process waits for a job.
	Idle bool
	// Done changes when the process ended a job or was replaced.
	Done Progress
}

// Progress is what a process has done so far.
type Progress struct {
	PID             int32
	Ended, PodEnded int64
}

// Memory is what one look passes to the next.
type Memory struct {
	// Waiting holds the processes that have been idle while there was work.
	Waiting map[Key]Mark
	// Restarted is when pods were last restarted because of a stuck process.
	Restarted map[string]time.Time
}

// Key identifies a process.
type Key struct {
	Pod  string
	Slot int32
}

// Mark says since when a process has been idle with the same progress.
type Mark struct {
	Since time.Time
	Done  Progress
}

// Output is the result of a look.
type Output struct {
	// Stuck lists the pods with a stuck process, sorted.
	Stuck []string
	// Restart lists the stuck pods to restart now, sorted.
	Restart []string
	// Recheck is the time after which to look again; 0 means when something has changed.
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

// waitsTooLong marks an idle process. It reports whether the process has been idle for
// Patience while no other process took the jobs.
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

// sooner returns the shorter of two waits; 0 means no wait.
func sooner(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}
