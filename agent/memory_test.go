// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"queueworker.dev/queueworker/api/protocol"
)

// fakeCgroup writes files that replace the container's control group. Each is replaced as
// a whole, because the kernel's files are also read as a whole.
func (p *pod) fakeCgroup(files map[string]string) {
	p.t.Helper()
	p.cgroup = p.file("cgroup")
	for name, content := range files {
		path := filepath.Join(p.cgroup, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(path+".new", []byte(content), 0o644); err != nil {
			p.t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			p.t.Fatal(err)
		}
	}
}

// TestTheLargestWorkerIsKilledBelowTheLimit matters on version 2, where the kernel would
// kill the whole container.
func TestTheLargestWorkerIsKilledBelowTheLimit(t *testing.T) {
	p := newPod(t, protocol.Config{Processes: 2}, "loop", "20", "")
	p.fakeCgroup(map[string]string{
		"cgroup.controllers": "memory\n", "memory.events": "oom_kill 0\n", "memory.stat": "inactive_file 0\nactive_file 0\n",
		"memory.max": "536870912\n", "memory.current": "104857600\n",
	})
	p.control(protocol.Control{Revision: 1})
	p.start()
	p.await("two measured processes", func(s protocol.Status) bool {
		return s.Workers[0].MemoryBytes > 0 && s.Workers[1].MemoryBytes > 0
	})
	p.fakeCgroup(map[string]string{"memory.current": "530000000\n"})
	s := p.await("the kill", func(s protocol.Status) bool { return s.Counters.Exits[protocol.ExitOOMKilled] >= 1 })
	p.fakeCgroup(map[string]string{"memory.current": "104857600\n"})
	if exit := s.RecentExits[len(s.RecentExits)-1]; exit.Signal != int32(syscall.SIGKILL) || exit.Reason != protocol.ExitOOMKilled {
		t.Errorf("the exit is %+v", exit)
	}
	p.await("both processes again", func(s protocol.Status) bool { return s.Workers[0].PID != 0 && s.Workers[1].PID != 0 })
	p.end()
}

// TestAKillByTheKernelIsNamed matters on version 1, where the kernel kills only the
// worker and counts the kill.
func TestAKillByTheKernelIsNamed(t *testing.T) {
	p := newPod(t, protocol.Config{}, "loop", "20", "")
	p.fakeCgroup(map[string]string{"memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"})
	p.control(protocol.Control{Revision: 1})
	p.start()
	kill := func() {
		t.Helper()
		s := p.await("a process", func(s protocol.Status) bool { return s.Workers[0].PID != 0 && s.Workers[0].Job != nil })
		if err := syscall.Kill(int(s.Workers[0].PID), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	kill()
	p.await("a kill from elsewhere", func(s protocol.Status) bool { return s.Counters.Exits[protocol.ExitKilled] == 1 })
	p.fakeCgroup(map[string]string{"memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n"})
	kill()
	p.await("a kill by the kernel", func(s protocol.Status) bool { return s.Counters.Exits[protocol.ExitOOMKilled] == 1 })
	p.end()
}
