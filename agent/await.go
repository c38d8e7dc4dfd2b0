// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	awaitAtMost = 10 * time.Second
	awaitEvery  = 5 * time.Millisecond
)

// await waits until PID 1 of the container catches SIGTERM, and returns the exit
// code. The kernel drops a signal to PID 1 that it does not catch, and the kubelet
// sends SIGTERM once: a pod that is removed within milliseconds of its start would
// work on for its whole grace period and then be killed with its jobs.
func await(statusPath string) int {
	for deadline := time.Now().Add(awaitAtMost); ; time.Sleep(awaitEvery) {
		status, err := os.ReadFile(statusPath)
		if err == nil && catches(string(status), syscall.SIGTERM) {
			return exitOK
		}
		if time.Now().After(deadline) {
			fmt.Fprintf(os.Stderr, "agent: PID 1 has not begun to catch SIGTERM in %s (%v)\n", awaitAtMost, err)
			return exitFailed
		}
	}
}

// catches tells whether a process catches a signal, by its /proc/PID/status; see
// proc_pid_status(5).
func catches(status string, signal syscall.Signal) bool {
	for line := range strings.Lines(status) {
		mask, found := strings.CutPrefix(line, "SigCgt:")
		if !found {
			continue
		}
		caught, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
		return err == nil && caught&(1<<(uint(signal)-1)) != 0
	}
	return false
}
