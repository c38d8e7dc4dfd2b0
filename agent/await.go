// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"queueworker.dev/queueworker/api/protocol"
)

const (
	awaitAtMost = 10 * time.Second
	awaitEvery  = 5 * time.Millisecond
)

// await waits until PID 1 of the container is the agent and catches SIGTERM, and returns
// the exit code. The kernel drops a signal that PID 1 does not catch, and the kubelet
// sends SIGTERM only once. A pod deleted within milliseconds of its start would otherwise
// continue to work for its whole grace period and then be killed with its jobs.
func await(statusPath string) int {
	for deadline := time.Now().Add(awaitAtMost); ; time.Sleep(awaitEvery) {
		status, err := os.ReadFile(statusPath)
		if err == nil && isAgent(string(status)) && catches(string(status), syscall.SIGTERM) {
			return exitOK
		}
		if time.Now().After(deadline) {
			fmt.Fprintf(os.Stderr, "queueworker-agent: PID 1 did not start to handle SIGTERM within %s (%v)\n", awaitAtMost, err)
			return exitFailed
		}
	}
}

// isAgent reports whether a /proc/PID/status belongs to the agent. At first, PID 1
// belongs to the container runtime, which may catch signals too.
func isAgent(status string) bool {
	name, found := field(status, "Name:")
	return found && name == filepath.Base(protocol.BinaryPath)
}

// catches reports whether the process of a /proc/PID/status catches a signal; see
// proc_pid_status(5).
func catches(status string, signal syscall.Signal) bool {
	mask, found := field(status, "SigCgt:")
	caught, err := strconv.ParseUint(mask, 16, 64)
	return found && err == nil && caught&(1<<(uint(signal)-1)) != 0
}

// field returns the text after a name in a /proc/PID/status.
func field(status, name string) (string, bool) {
	for line := range strings.Lines(status) {
		if value, found := strings.CutPrefix(line, name); found {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}
