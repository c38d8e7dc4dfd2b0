// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"time"

	"queueworker.dev/queueworker/agent/process"
)

const (
	// measureEvery is how often memory and CPU of the processes are measured.
	measureEvery = 5 * time.Second
	// Where the kernel would kill the whole container at its limit, its memory is
	// looked at more often, and closely once it is near.
	pressureEvery = time.Second
	closely       = 50 * time.Millisecond
	nearLimit     = 0.80
	// killAt is the share of the limit at which a process is killed.
	killAt = 0.97
	// mostLooks is how often a process is looked at for a shell: once for each
	// measurement of its first minute.
	mostLooks = 12
)

// sample measures while processes run, until the executor has stopped.
func (x *Executor) sample() {
	looks := map[int]int{} // how often each process was looked at for a shell
	timer := time.NewTimer(pressureEvery)
	defer timer.Stop()
	var measured time.Time
	for {
		select {
		case <-x.stopped:
			return
		case now := <-timer.C:
			pids := x.pids()
			if len(pids) > 0 && now.Sub(measured) >= measureEvery-pressureEvery/2 {
				measured = now
				x.measure(pids)
				x.lookForShells(pids, looks)
			}
			timer.Reset(x.press(pids))
		}
	}
}

// pids returns the slots of the running processes by process id.
func (x *Executor) pids() map[int]int {
	state := x.State()
	pids := make(map[int]int, len(state.Slots))
	for i := range state.Slots {
		if pid := state.Slots[i].Process.PID; pid != 0 {
			pids[pid] = i
		}
	}
	return pids
}

func (x *Executor) measure(pids map[int]int) {
	list := make([]int, 0, len(pids))
	for pid := range pids {
		list = append(list, pid)
	}
	for pid, usage := range process.Measure(list) {
		x.Tell(Measured{Slot: pids[pid], PID: pid, Memory: usage.Memory, CPU: usage.CPU})
	}
}

// press tells of a container that is about to reach its limit and returns when to
// look again.
func (x *Executor) press(pids map[int]int) time.Duration {
	if len(pids) == 0 {
		return pressureEvery
	}
	used, limit, limited := x.Cgroup.Pressure()
	switch {
	case !limited:
		return measureEvery
	case float64(used) < nearLimit*float64(limit):
		return pressureEvery
	case float64(used) >= killAt*float64(limit):
		x.measure(pids)
		x.Tell(Pressure{Used: used, Limit: limit})
	}
	return closely
}

// lookForShells tells once of a worker that was started by a shell that waits for it.
// A shell may be between two commands when it is looked at, so it is looked at again.
func (x *Executor) lookForShells(pids, looks map[int]int) {
	for pid := range looks {
		if _, runs := pids[pid]; !runs {
			delete(looks, pid)
		}
	}
	if x.State().Facts.ShellWrapped {
		return
	}
	for pid := range pids {
		if looks[pid] == mostLooks {
			continue
		}
		looks[pid]++
		if _, wrapped := process.Worker(pid); wrapped {
			x.Tell(Wrapped{})
			return
		}
	}
}
