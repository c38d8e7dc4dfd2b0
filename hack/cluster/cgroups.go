// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const cgroupMount = "/sys/fs/cgroup"

// cgroupRoots returns the directories of this cluster's control group: one on cgroup v2,
// one per controller on v1.
func cgroupRoots() ([]string, error) {
	if _, err := os.Stat(filepath.Join(cgroupMount, "cgroup.controllers")); err == nil {
		return []string{filepath.Join(cgroupMount, cgroupName)}, nil
	}
	hierarchies, err := filepath.Glob(filepath.Join(cgroupMount, "*", "cgroup.procs"))
	if err != nil || len(hierarchies) == 0 {
		return nil, fmt.Errorf("no control groups are mounted below %s", cgroupMount)
	}
	roots := make([]string, 0, len(hierarchies))
	for _, procs := range hierarchies {
		if info, err := os.Lstat(filepath.Dir(procs)); err != nil || info.Mode()&fs.ModeSymlink != 0 {
			continue // "cpu" is often a link to "cpu,cpuacct"
		}
		roots = append(roots, filepath.Join(filepath.Dir(procs), cgroupName))
	}
	return roots, nil
}

// createCgroups creates the group, without which the kubelet refuses to start.
func createCgroups() error {
	roots, err := cgroupRoots()
	if err != nil {
		return err
	}
	for _, root := range roots {
		delegateControllers(filepath.Dir(root))
		if err := os.MkdirAll(root, 0o755); err != nil {
			return fmt.Errorf("create the control group of the cluster: %w", err)
		}
		inheritCPUSet(root)
		if controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers")); err == nil && len(roots) == 1 {
			if absent := absentControllers(string(controllers)); len(absent) > 0 {
				return fmt.Errorf("control groups below %s have no %s, so that pods cannot be limited; in a container this happens when its processes sit in the topmost group", cgroupMount, strings.Join(absent, ", "))
			}
		}
	}
	return nil
}

// absentControllers returns the controllers that the kubelet needs on cgroup v2 and that
// the text of cgroup.controllers lacks.
func absentControllers(text string) []string {
	var absent []string
	for _, controller := range []string{"cpuset", "cpu", "memory", "pids"} {
		if !slices.Contains(strings.Fields(text), controller) {
			absent = append(absent, controller)
		}
	}
	return absent
}

// delegateControllers lets children of a cgroup v2 directory use the controllers that the
// kubelet needs. The kubelet itself reports a controller that cannot be enabled.
func delegateControllers(directory string) {
	control := filepath.Join(directory, "cgroup.subtree_control")
	for _, controller := range []string{"+cpuset", "+cpu", "+io", "+memory", "+hugetlb", "+pids"} {
		_ = os.WriteFile(control, []byte(controller), 0o644)
	}
}

// inheritCPUSet copies the parent's processors, because on cgroup v1 a new cpuset has
// none and no process may enter it.
func inheritCPUSet(root string) {
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		if value, err := os.ReadFile(filepath.Join(filepath.Dir(root), file)); err == nil {
			_ = os.WriteFile(filepath.Join(root, file), value, 0o644) // absent on v2
		}
	}
}

// killCgroups kills every process of the cluster's pods and removes the groups.
func killCgroups() error {
	roots, _ := cgroupRoots() // without control groups no pod ever ran
	deadline := time.Now().Add(10 * time.Second)
	for {
		for _, root := range roots {
			for _, pid := range cgroupProcesses(root) {
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may be gone already
			}
		}
		failures := make([]error, len(roots))
		for i, root := range roots {
			failures[i] = removeCgroup(root)
		}
		if err := errors.Join(failures...); err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// cgroupProcesses lists the processes of a group and of all groups below it.
func cgroupProcesses(root string) []int {
	var pids []int
	_ = filepath.WalkDir(root, func(path string, entry fs.DirEntry, _ error) error {
		if entry == nil || entry.Name() != "cgroup.procs" {
			return nil // groups vanish during the walk
		}
		content, _ := os.ReadFile(path) // empty when it has vanished
		for field := range strings.FieldsSeq(string(content)) {
			if pid, err := strconv.Atoi(field); err == nil && pid > 1 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids
}

// removeCgroup removes a group and the groups below it, the deepest first. Only
// directories can be removed there; the kernel's files go with them.
func removeCgroup(root string) error {
	entries, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeCgroup(filepath.Join(root, entry.Name())); err != nil {
				return err
			}
		}
	}
	if err := os.Remove(root); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
