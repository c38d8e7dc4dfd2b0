// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"time"

	"queueworker.dev/queueworker/agent/process"
)

const (
	// measureEvery is how often the memory and CPU of the processes are measured.
	measureEvery = 5 * time.Second
	// If the kernel would kill the whole container at its memory limit, the agent reads the
	// container's memory more often, and closely once it is near the limit.
	pressureEvery = time.Second
	closely       = 50 * time.Millisecond
	nearLimit     = 0.80
	// killAt is the share of the limit at which a process is killed.
	killAt = 0.97
	// mostLooks is how often the agent checks a process for a shell: once at each
	// measurement of its first minute.
	mostLooks = 12
)

// sample measures the running processes until the executor has stopped.
func (x *Executor) sample() {
	looks := map[int]int{} // how often each process was checked for a shell
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

// pids returns the slots of the running processes, keyed by process id.
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

// press reports a container that is about to reach its limit, and returns when to check
// again.
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

// lookForShells reports once that a shell started a worker and waits for it. It checks
// repeatedly, because a shell may be between two commands at any one time.
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
