// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// Cgroup is the control group of the container.
type Cgroup struct {
	root    string
	unified bool // version 2
}

// OpenCgroup opens the control group of the container below root, usually /sys/fs/cgroup.
func OpenCgroup(root string) *Cgroup {
	_, err := os.Stat(filepath.Join(root, "cgroup.controllers"))
	return &Cgroup{root: root, unified: err == nil}
}

// Kills returns how many processes of the container the kernel has killed because the
// container reached its memory limit, or 0 if that cannot be read.
func (c *Cgroup) Kills() int64 {
	name := "memory/memory.oom_control"
	if c.unified {
		name = "memory.events"
	}
	text, err := os.ReadFile(filepath.Join(c.root, name))
	if err != nil {
		return 0
	}
	kills, _ := member(text, "oom_kill")
	return kills
}

// Pressure returns the container's memory without the page cache, which can be reclaimed,
// and its limit, both in bytes. It returns false if there is no limit, or on version 1,
// where the kernel kills only the worker.
func (c *Cgroup) Pressure() (used, limit int64, limited bool) {
	if !c.unified {
		return 0, 0, false
	}
	limit, ok := c.number("memory.max")
	if !ok {
		return 0, 0, false
	}
	used, ok = c.number("memory.current")
	if !ok {
		return 0, 0, false
	}
	if stat, err := os.ReadFile(filepath.Join(c.root, "memory.stat")); err == nil {
		inactive, _ := member(stat, "inactive_file")
		active, _ := member(stat, "active_file")
		used -= inactive + active
	}
	return max(used, 0), limit, true
}

// number reads a file that holds one number. It returns false for "max".
func (c *Cgroup) number(name string) (int64, bool) {
	text, err := os.ReadFile(filepath.Join(c.root, name))
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	return n, err == nil && n < math.MaxInt64/2
}
