// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
)

// AgentPID returns the process id, on the node, of the agent of a pod.
func (l *Lab) AgentPID(pod *corev1.Pod) int {
	l.Helper()
	return l.hostPID(pod, "agent", func(arguments []string) bool { return arguments[0] == protocol.BinaryPath })
}

// WorkerPID returns the process id, on the node, of the worker process of a pod.
func (l *Lab) WorkerPID(pod *corev1.Pod) int {
	l.Helper()
	return l.hostPID(pod, "worker process", func(arguments []string) bool { return slices.Contains(arguments, "queue:work") })
}

// Signal sends a signal to a process of the node.
func (l *Lab) Signal(pid int, signal syscall.Signal) {
	l.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		l.Fatalf("send %s to process %d: %v", signal, pid, err)
	}
}

// hostPID finds the only process of a pod with a matching command line. It looks for the
// pod's UID in the names of the control groups.
func (l *Lab) hostPID(pod *corev1.Pod, what string, is func(arguments []string) bool) int {
	l.Helper()
	groups, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		l.Fatal(err)
	}
	// The systemd driver writes the UID with underscores.
	uid := string(pod.UID)
	names := [][]byte{[]byte(uid), []byte(strings.ReplaceAll(uid, "-", "_"))}
	var found []int
	for _, path := range groups {
		group, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(group, names[0]) && !bytes.Contains(group, names[1]) {
			continue // in another pod, or ended meanwhile
		}
		command, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil || !is(strings.Split(string(command), "\x00")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			l.Fatal(err)
		}
		found = append(found, pid)
	}
	if len(found) != 1 {
		l.Fatalf("pod %s has %d processes on this node that are its %s, want 1", pod.Name, len(found), what)
	}
	return found[0]
}
