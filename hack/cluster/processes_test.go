// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func testLayout(t *testing.T) layout {
	t.Helper()
	l := layout{state: t.TempDir(), cache: "/cache"}
	for _, folder := range []string{"run", "log"} {
		if err := os.Mkdir(filepath.Join(l.state, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func TestStopEndsTheRecordedProcess(t *testing.T) {
	for name, script := range map[string]string{
		"one that obeys":           "exec sleep 300",
		"one that ignores SIGTERM": "trap '' TERM; while :; do sleep 1; done",
	} {
		t.Run(name, func(t *testing.T) {
			l := testLayout(t)
			c := component{name: "test", program: "sh", arguments: []string{"-c", script}}
			if err := c.start(l); err != nil {
				t.Fatal(err)
			}
			if !running(l, c.name) {
				t.Fatal("the process does not run after its start")
			}
			if err := stop(l, c.name, 300*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			if running(l, c.name) {
				t.Error("the process still runs after stop")
			}
		})
	}
}

func TestStopSparesAProcessThatGotTheSamePid(t *testing.T) {
	l := testLayout(t)
	c := component{name: "bystander", program: "sleep", arguments: []string{"300"}}
	if err := c.start(l); err != nil {
		t.Fatal(err)
	}
	bystander, err := recorded(l, c.name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(bystander.pid, syscall.SIGKILL) })
	stale := bystander
	stale.start--
	if err := os.WriteFile(l.pidFile("component"), []byte(stale.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := stop(l, "component", time.Second); err != nil {
		t.Fatal(err)
	}
	if !bystander.alive() {
		t.Error("stop killed a process that only had the same pid")
	}
}

func TestStopWithoutAPidFileDoesNothing(t *testing.T) {
	if err := stop(testLayout(t), "never-started", time.Second); err != nil {
		t.Error(err)
	}
}

func TestBelongs(t *testing.T) {
	l := layout{state: "/state", cache: "/cache"}
	for name, tc := range map[string]struct {
		program   string
		arguments []string
		want      bool
	}{
		"a component":                       {"/cache/kube-abc/kube", []string{"kubelet", "--config=/state/conf/kubelet.yaml"}, true},
		"a component of a replaced build":   {"/cache/kube-abc/kube (deleted)", []string{"etcd", "--data-dir=/state/etcd"}, true},
		"a shim":                            {"/usr/bin/containerd-shim-runc-v2", []string{"shim", "-address", "/state/containerd.sock"}, true},
		"our containerd":                    {"/usr/bin/containerd", []string{"containerd", "--config=/state/conf/containerd.toml"}, true},
		"a tail of a log":                   {"/usr/bin/tail", []string{"tail", "-f", "/state/log/etcd.log"}, false},
		"kubectl of an unrelated build":     {"/elsewhere/kube", []string{"kubectl", "--kubeconfig=/state/kubeconfig"}, false},
		"the machine's own containerd":      {"/usr/bin/containerd", []string{"containerd"}, false},
		"a cluster of a neighbouring state": {"/cache/kube-abc/kube", []string{"etcd", "--data-dir=/state2/etcd"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := belongs(l, tc.program, tc.arguments); got != tc.want {
				t.Errorf("belongs(%s, %q) = %v; want %v", tc.program, tc.arguments, got, tc.want)
			}
		})
	}
}
