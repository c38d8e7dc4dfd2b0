// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const cgroupMount = "/sys/fs/cgroup"

// memoryGroup is a memory cgroup, of version 1 or 2.
type memoryGroup struct {
	dir string
	// kind holds mount's arguments for the hierarchy; at is its mount point in a
	// container.
	kind []string
	at   string
	// events is the file that counts the processes killed because they ran out of memory.
	events string
}

// newMemoryGroup creates a memory cgroup with a limit in bytes and without swap.
func newMemoryGroup(name string, limit int64) (*memoryGroup, error) {
	group := &memoryGroup{
		dir: filepath.Join(cgroupMount, "memory", name), events: "memory.oom_control",
		kind: []string{"-t", "cgroup", "-o", "memory", "memory"}, at: filepath.Join(cgroupMount, "memory"),
	}
	limits := map[string]string{"memory.limit_in_bytes": strconv.FormatInt(limit, 10)}
	if _, err := os.Stat(filepath.Join(cgroupMount, "cgroup.controllers")); err == nil {
		group = &memoryGroup{
			dir: filepath.Join(cgroupMount, name), events: "memory.events",
			kind: []string{"-t", "cgroup2", "cgroup2"}, at: cgroupMount,
		}
		limits = map[string]string{"memory.max": strconv.FormatInt(limit, 10), "memory.swap.max": "0"}
		// The controller may be on already. If this fails, writing the limit below fails
		// too.
		_ = os.WriteFile(filepath.Join(cgroupMount, "cgroup.subtree_control"), []byte("+memory"), 0o644)
	}
	if err := os.Mkdir(group.dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a memory cgroup: %w; memory cgroups must be mounted at %s and writable", err, cgroupMount)
	}
	for file, value := range limits {
		err := os.WriteFile(filepath.Join(group.dir, file), []byte(value), 0o644)
		if errors.Is(err, os.ErrNotExist) && file == "memory.swap.max" {
			continue // this kernel has no swap
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("limit the memory of a cgroup: %w; in a container the memory controller must be delegated to it", err), group.remove())
		}
	}
	return group, nil
}

// procs returns the file to which a process writes its PID to enter the cgroup.
func (g *memoryGroup) procs() string { return filepath.Join(g.dir, "cgroup.procs") }

// killed returns how many processes the kernel killed because of the limit.
func (g *memoryGroup) killed() (int, error) {
	text, err := os.ReadFile(filepath.Join(g.dir, g.events))
	if err != nil {
		return 0, fmt.Errorf("read how many processes ran out of memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		if count, ok := strings.CutPrefix(strings.TrimSpace(line), "oom_kill "); ok {
			return strconv.Atoi(count)
		}
	}
	return 0, fmt.Errorf("%s does not count killed processes", g.events)
}

// remove removes the cgroup after its processes have ended. The kernel needs a moment to
// notice their end.
func (g *memoryGroup) remove() error {
	var err error
	for range 100 {
		if err = os.Remove(g.dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("remove the memory cgroup: %w", err)
}
