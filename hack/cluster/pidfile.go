// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A processID identifies one process for ever. A pid can be reused, but not with the same
// start time in the same boot.
type processID struct {
	pid   int
	start uint64 // clock ticks between the boot and the start, proc_pid_stat(5)
	boot  string // random identifier of the boot
}

func (p processID) String() string {
	return fmt.Sprintf("%d %d %s\n", p.pid, p.start, p.boot)
}

// errNoPidFile is the error for a file that was not completely written.
var errNoPidFile = errors.New("no pid file of a component")

// parsePidFile is the reverse of String. It returns errNoPidFile for a half-written file.
func parsePidFile(text string) (processID, error) {
	fields := strings.Fields(text)
	if len(fields) != 3 || !strings.HasSuffix(text, "\n") {
		return processID{}, fmt.Errorf("%w: %q is not pid, start time and boot id on one line", errNoPidFile, text)
	}
	pid, err := strconv.Atoi(fields[0])
	if err != nil || pid <= 1 {
		return processID{}, fmt.Errorf("%w: %q cannot be its pid", errNoPidFile, fields[0])
	}
	start, err := strconv.ParseUint(fields[1], 10, 64)
	if err != nil {
		return processID{}, fmt.Errorf("%w: %q is no start time", errNoPidFile, fields[1])
	}
	return processID{pid: pid, start: start, boot: fields[2]}, nil
}

// parseStat reads the state and the start time from /proc/PID/stat. The name in
// parentheses may itself hold blanks and parentheses.
func parseStat(text string) (state byte, start uint64, err error) {
	end := strings.LastIndexByte(text, ')')
	if end < 0 {
		return 0, 0, fmt.Errorf("no process name in %q", text)
	}
	fields := strings.Fields(text[end+1:])
	const startField = 22 - 3 // field 22 of the whole line; field 3 is the first here
	if len(fields) <= startField || len(fields[0]) != 1 {
		return 0, 0, fmt.Errorf("too few fields in %q", text)
	}
	start, err = strconv.ParseUint(fields[startField], 10, 64)
	return fields[0][0], start, err
}

// identify returns the process that has a pid now.
func identify(pid int) (processID, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return processID{}, err
	}
	state, start, err := parseStat(string(text))
	if err != nil {
		return processID{}, err
	}
	if state == 'Z' || state == 'X' {
		return processID{}, fmt.Errorf("process %d has ended: %w", pid, os.ErrNotExist)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return processID{}, err
	}
	return processID{pid: pid, start: start, boot: strings.TrimSpace(string(boot))}, nil
}

// alive reports whether p still runs; a zombie or a reused pid does not count.
func (p processID) alive() bool {
	now, err := identify(p.pid)
	return err == nil && now == p
}
