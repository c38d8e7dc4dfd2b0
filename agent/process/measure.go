// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Usage is the memory and CPU that a process and its descendants use.
type Usage struct {
	// Memory is the proportional set size in bytes, which divides shared pages among their
	// users. If it cannot be read, Memory is the resident set size.
	Memory int64
	// CPU is the time used so far.
	CPU time.Duration
}

// Measure measures children and their descendants. It omits children that have ended.
func Measure(pids []int) map[int]Usage {
	entries, self := list(), os.Getpid()
	usage := make(map[int]Usage, len(pids))
	for _, pid := range pids {
		var sum Usage
		for _, e := range tree(entries, pid, self) {
			sum.Memory += memory(e.pid)
			sum.CPU += e.cpu
		}
		if sum.Memory > 0 {
			usage[pid] = sum
		}
	}
	return usage
}

func memory(pid int) int64 {
	dir := "/proc/" + strconv.Itoa(pid)
	if rollup, err := os.ReadFile(dir + "/smaps_rollup"); err == nil {
		if kilobytes, ok := member(rollup, "Pss:"); ok {
			return kilobytes << 10
		}
	}
	statm, err := os.ReadFile(dir + "/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// member returns the number after a name at the beginning of a line.
func member(text []byte, name string) (int64, bool) {
	for line := range bytes.Lines(text) {
		fields := bytes.Fields(line)
		if len(fields) >= 2 && string(fields[0]) == name {
			n, err := strconv.ParseInt(string(fields[1]), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// shells are programs that do not pass signals on.
var shells = []string{"sh", "dash", "bash", "ash", "busybox", "zsh", "ksh", "mksh"}

// IsShell reports whether a program of this path or name is a shell.
func IsShell(path string) bool { return slices.Contains(shells, filepath.Base(path)) }

// Worker looks behind shells: it returns the process that a shell has started and waits
// for. It returns pid itself if pid is not a shell, or waits for no process or several. A
// shell that catches SIGTERM, for example with trap, is the worker itself, because it
// passes the signal on as it sees fit.
func Worker(pid int) (worker int, wrapped bool) {
	for range 4 { // shells that start shells
		exe, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
		if err != nil || !IsShell(exe) || catchesTerm(pid) {
			break
		}
		var children []int
		for _, e := range list() {
			if e.parent == pid && e.state != 'Z' {
				children = append(children, e.pid)
			}
		}
		if len(children) != 1 {
			break
		}
		pid, wrapped = children[0], true
	}
	return pid, wrapped
}

// catchesTerm reports whether a process has a handler for SIGTERM. It reads the mask
// SigCgt in the process's status (proc(5)), whose bit n-1 stands for signal n.
func catchesTerm(pid int) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return false
	}
	_, rest, found := strings.Cut(string(status), "\nSigCgt:")
	if !found {
		return false
	}
	mask, _, _ := strings.Cut(rest, "\n")
	caught, err := strconv.ParseUint(strings.TrimSpace(mask), 16, 64)
	return err == nil && caught&(1<<(syscall.SIGTERM-1)) != 0
}
