// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const mebibyte = 1 << 20

// memory returns a figure of the running operator in bytes, such as VmHWM or RssAnon; 0
// if it does not run.
func (o *operator) memory(figure string) int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.process == nil {
		return 0
	}
	now := procMemory(o.process.Pid, figure)
	// Before the process becomes the operator, it is a shell.
	o.peak = max(o.peak, procMemory(o.process.Pid, "VmHWM"))
	return now
}

func procMemory(pid int, figure string) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, figure+":"); ok {
			kilobytes, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// highest returns the highest resident memory of any process of the operator.
func (o *operator) highest() int64 {
	o.memory("VmHWM")
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.peak
}

// cpu returns the CPU time of all processes of the operator.
func (o *operator) cpu() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.process == nil {
		return o.kept
	}
	return o.kept + procCPU(o.process.Pid)
}

// procCPU adds up the run time of a process's threads, to the nanosecond.
func procCPU(pid int) time.Duration {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	var sum time.Duration
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			if ran, _, ok := strings.Cut(string(text), " "); ok {
				nanoseconds, _ := strconv.ParseInt(ran, 10, 64)
				sum += time.Duration(nanoseconds)
			}
		}
	}
	return sum
}

// settle waits until the operator uses less than 5 % of its core for a second, which
// means that it is idle. It returns false if that takes longer than limit.
func (o *operator) settle(limit time.Duration) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		before := o.cpu()
		time.Sleep(time.Second)
		if used := o.cpu() - before; used < 50*time.Millisecond {
			return true
		}
	}
	return false
}

// survives checks the operator's memory and that it never died, and prints both.
func (o *operator) survives(t *testing.T, limit int64) {
	t.Helper()
	kills, err := o.group.killed()
	if err != nil {
		t.Fatal(err)
	}
	deaths, peak := o.deaths(), o.highest()
	t.Logf("operator: peak RSS %d MiB (at most %d), %d restarts, %d of them for want of memory, CPU %.1f s",
		peak/mebibyte, limit/mebibyte, len(deaths), kills, o.cpu().Seconds())
	if len(deaths) > 0 || kills > 0 {
		t.Errorf("the operator died %d times: %v", len(deaths), deaths)
	}
	if peak > limit {
		t.Errorf("the operator took %d MiB, more than %d MiB", peak/mebibyte, limit/mebibyte)
	}
}
