// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestAbsentControllers(t *testing.T) {
	for text, want := range map[string][]string{
		"cpuset cpu io memory hugetlb pids rdma\n": nil,
		"cpu io pids\n":                        {"cpuset", "memory"},
		"":                                     {"cpuset", "cpu", "memory", "pids"},
		"cpuset memory_recursiveprot cpu pids": {"memory"},
	} {
		if got := absentControllers(text); !slices.Equal(got, want) {
			t.Errorf("absentControllers(%q) = %q; want %q", text, got, want)
		}
	}
}

func TestCgroupProcessesAreFoundAtEveryDepth(t *testing.T) {
	root := t.TempDir()
	for group, pids := range map[string]string{"": "", "pods": "17\n", "pods/a/b": "42\n43\n", "pods/c": "1\nno pid\n"} {
		folder := filepath.Join(root, group)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "cgroup.procs"), []byte(pids), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got := cgroupProcesses(root)
	slices.Sort(got)
	if want := []int{17, 42, 43}; !slices.Equal(got, want) {
		t.Errorf("cgroupProcesses() = %v; want %v, and never init", got, want)
	}
	if got := cgroupProcesses(filepath.Join(root, "gone")); got != nil {
		t.Errorf("cgroupProcesses() of a group that is gone = %v", got)
	}
}
