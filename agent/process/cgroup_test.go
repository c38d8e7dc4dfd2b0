// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"os"
	"path/filepath"
	"testing"
)

// layout writes the files of a control group.
func layout(t *testing.T, files map[string]string) *Cgroup {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return OpenCgroup(root)
}

func TestCgroup(t *testing.T) {
	const stat = "anon 1000\nfile 900\nkernel 10\nactive_file 500\ninactive_file 300\n"
	tests := map[string]struct {
		files       map[string]string
		kills       int64
		used, limit int64
		limited     bool
	}{
		"version 2": {
			files: map[string]string{
				"cgroup.controllers": "memory", "memory.events": "low 0\noom 3\noom_kill 2\noom_group_kill 1\n",
				"memory.current": "2000\n", "memory.max": "4096\n", "memory.stat": stat,
			},
			kills: 2, used: 1200, limit: 4096, limited: true,
		},
		"version 2 without a limit": {
			files: map[string]string{"cgroup.controllers": "memory", "memory.current": "2000\n", "memory.max": "max\n"},
		},
		"version 1: the kernel kills just the worker": {
			files: map[string]string{"memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n"}, kills: 7,
		},
		"nothing to read": {},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			group := layout(t, tc.files)
			used, limit, limited := group.Pressure()
			if kills := group.Kills(); kills != tc.kills || used != tc.used || limit != tc.limit || limited != tc.limited {
				t.Errorf("kills %d, pressure %d of %d (%t); want %d, %d of %d (%t)", kills, used, limit, limited, tc.kills, tc.used, tc.limit, tc.limited)
			}
		})
	}
}
