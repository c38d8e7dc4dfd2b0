// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"queueworker.dev/queueworker/api/protocol"
)

func TestJobsAreCountedExactlyOverRecycling(t *testing.T) {
	p := newPod(t, protocol.Config{MaxJobs: 5, Processes: 2})
	journal := p.file("journal")
	p.command = append(p.command, "loop", "2", journal)
	p.control(protocol.Control{Revision: 1})
	p.start()
	p.await("10 recycled processes", func(s protocol.Status) bool { return s.Counters.Exits[protocol.ExitMaxJobs] >= 10 })
	final := p.end()
	if !final.Complete {
		t.Error("the last word is not complete")
	}
	// A process may do more jobs than maxJobs if the jobs are shorter than the interval at
	// which the agent reads the output. It does fewer only if it is one of the two that the
	// end of the pod interrupts.
	var told, early int64
	for _, match := range regexp.MustCompile(`(\d+) jobs`).FindAllStringSubmatch(p.read("journal"), -1) {
		var n int64
		_, _ = fmt.Sscan(match[1], &n)
		if told += n; n < 5 {
			early++
		}
	}
	if early > 2 {
		t.Errorf("%d processes did fewer jobs than maxJobs", early)
	}
	if final.Counters.Processed != told {
		t.Errorf("%d jobs are counted and %d were done", final.Counters.Processed, told)
	}
	if strings.Contains(p.read("journal"), "again") {
		t.Errorf("SIGTERM came twice:\n%s", p.read("journal"))
	}
	if got := int64(strings.Count(p.read("stdout"), " done ")); got != told {
		t.Errorf("%d lines of %d were passed on", got, told)
	}
}

func TestPauseFinishesTheJobAndResumeGoesOn(t *testing.T) {
	p := newPod(t, protocol.Config{}, "loop", "300")
	p.command = append(p.command, p.file("journal"))
	p.control(protocol.Control{Revision: 1})
	p.start()
	p.await("a job", func(s protocol.Status) bool { return s.Workers[0].State == protocol.WorkerBusy && s.Ready })
	p.control(protocol.Control{Revision: 2, Paused: true})
	s := p.await("the pause", func(s protocol.Status) bool { return s.Workers[0].State == protocol.WorkerPaused })
	if s.Phase != protocol.PhasePaused || s.ControlRevision != 2 || s.Counters.Exits[protocol.ExitPaused] != 1 || !s.Ready {
		t.Errorf("paused, the status is %+v", s)
	}
	if !strings.HasSuffix(p.read("stdout"), "done Job in 300 ms\n") {
		t.Errorf("the job was not finished: %q", p.read("stdout"))
	}
	p.control(protocol.Control{Revision: 3})
	p.await("a job again", func(s protocol.Status) bool { return s.Workers[0].State == protocol.WorkerBusy })
	if err := os.WriteFile(p.file("control/"+protocol.ControlPodFile), []byte(`{"revision":4,"podRestartToken":"now"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	p.await("the restart", func(s protocol.Status) bool { return s.Counters.Exits[protocol.ExitRestartRequested] == 1 })
	p.end()
	if strings.Contains(p.read("journal"), "again") {
		t.Errorf("SIGTERM came twice:\n%s", p.read("journal"))
	}
}

func TestCordonDrainsThePodAndCanBeTakenBack(t *testing.T) {
	p := newPod(t, protocol.Config{}, "loop", "300")
	p.command = append(p.command, p.file("journal"))
	p.control(protocol.Control{Revision: 1})
	p.start()
	p.await("a job", func(s protocol.Status) bool { return s.Workers[0].State == protocol.WorkerBusy && s.Ready })
	own := func(document string) {
		if err := os.WriteFile(p.file("control/"+protocol.ControlPodFile), []byte(document), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	own(`{"revision":2,"cordoned":true}`)
	s := p.await("the drain", func(s protocol.Status) bool { return s.Drained() })
	if s.ControlRevision != 2 || s.Counters.Exits[protocol.ExitDrained] != 1 || !s.Ready {
		t.Errorf("drained, the status is %+v", s)
	}
	if !strings.HasSuffix(p.read("stdout"), "done Job in 300 ms\n") {
		t.Errorf("the job was not finished: %q", p.read("stdout"))
	}
	own(`{"revision":3}`)
	p.await("a job again", func(s protocol.Status) bool { return s.Workers[0].State == protocol.WorkerBusy && !s.Drained() })
	p.end()
}

// TestAShellThatLoopsIsEndedToo has a shell for which SIGTERM to its command is not
// enough.
func TestAShellThatLoopsIsEndedToo(t *testing.T) {
	p := newPod(t, protocol.Config{})
	p.command = []string{"/bin/sh", "-c", "while :; do sleep 0.1; done"}
	p.control(protocol.Control{Revision: 1})
	p.start()
	p.await("the wrapper", func(s protocol.Status) bool {
		return s.Runtime != nil && !s.Runtime.GracefulStop && s.Runtime.GracefulStopReason == "ShellWrapper"
	})
	p.control(protocol.Control{Revision: 2, Paused: true})
	p.await("the pause", func(s protocol.Status) bool { return s.Counters.Exits[protocol.ExitPaused] == 1 })
	p.end()
}

func TestATimeoutKillsTheJobsWholeTree(t *testing.T) {
	p := newPod(t, protocol.Config{TimeoutSeconds: 1}, "hang")
	p.control(protocol.Control{Revision: 1})
	p.start()
	p.eventually("the job's own child", func() bool { return len(p.descendants()) == 2 })
	tree := p.descendants()
	s := p.await("the timeout", func(s protocol.Status) bool { return s.Counters.Exits[protocol.ExitJobTimeout] == 1 })
	if exit := s.RecentExits[0]; exit.JobClass != "Hang" || exit.Signal != 9 || exit.Sequence != 1 {
		t.Errorf("the exit is %+v", exit)
	}
	p.eventually("the end of the whole tree", func() bool {
		return !slices.ContainsFunc(tree, func(pid int) bool { return slices.Contains(p.descendants(), pid) })
	})
}

func TestThePodsEndKillsWhatIsLeftAtItsDeadline(t *testing.T) {
	p := newPod(t, protocol.Config{GraceSeconds: 4, Processes: 2}, "hang")
	p.control(protocol.Control{Revision: 1})
	p.start()
	p.eventually("both jobs and their children", func() bool { return len(p.descendants()) == 4 })
	p.await("both jobs", func(s protocol.Status) bool {
		return s.Workers[0].State == protocol.WorkerBusy && s.Workers[1].State == protocol.WorkerBusy
	})
	tree := p.descendants()
	final := p.end()
	if !final.Complete || final.Counters.Exits[protocol.ExitGraceExceeded] != 2 {
		t.Errorf("the last word is %+v", final)
	}
	if !strings.Contains(final.Message, "grace period") {
		t.Errorf("its message is %q", final.Message)
	}
	// They were killed before the agent ended, but init may not have reaped them yet.
	p.eventually("the end of the whole tree", func() bool {
		return !slices.ContainsFunc(tree, func(pid int) bool { return syscall.Kill(pid, 0) == nil })
	})
}

func TestCountsSurviveTheContainer(t *testing.T) {
	p := newPod(t, protocol.Config{MaxJobs: 3}, "loop", "5", "")
	p.control(protocol.Control{Revision: 1})
	p.start()
	before := p.await("some exits", func(s protocol.Status) bool { return s.Counters.Exits[protocol.ExitMaxJobs] >= 3 })
	p.kill()
	p.start()
	after := p.await("more exits", func(s protocol.Status) bool {
		return len(s.RecentExits) > 0 && s.Counters.Exits[protocol.ExitMaxJobs] >= before.Counters.Exits[protocol.ExitMaxJobs]+2
	})
	if after.UptimeSeconds > 50 || after.Counters.Processed <= before.Counters.Processed {
		t.Errorf("before %+v, after %+v", before.Counters, after.Counters)
	}
	if oldest := after.RecentExits[len(after.RecentExits)-1]; oldest.Sequence <= before.RecentExits[0].Sequence {
		t.Errorf("the sequence number %d came again", oldest.Sequence)
	}
	p.end()
}

// TestOrphansAreReapedWhilePID1 runs the agent as PID 1 of a PID namespace.
func TestOrphansAreReapedWhilePID1(t *testing.T) {
	p := newPod(t, protocol.Config{MaxJobs: 20, Processes: 2}, "orphans", "50")
	p.prefix = []string{"init"}
	p.attr = newNamespaces()
	p.control(protocol.Control{Revision: 1})
	p.start()
	s := p.await("recycling under load", func(s protocol.Status) bool { return s.Counters.Exits[protocol.ExitMaxJobs] >= 6 })
	if total := s.Counters.Exits[protocol.ExitMaxJobs]; int64(len(s.Counters.Exits)) != 1 || s.Counters.Processed < 20*total {
		t.Errorf("counted %+v", s.Counters)
	}
	// Starting workers would constantly leave new orphans behind.
	p.control(protocol.Control{Revision: 2, Paused: true})
	p.eventually("no zombies", func() bool { return len(below(p.agent.Process.Pid, true)) == 0 })
	if final := p.end(); !final.Complete {
		t.Error("the last word is not complete")
	}
}

func TestWhatCannotStartIsNamed(t *testing.T) {
	tests := map[string]struct {
		command []string
		worker  []string
		want    protocol.ExitReason
		message string
	}{
		"a command that does not exist": {
			command: []string{"/no/such/program"}, want: protocol.ExitCommandNotFound, message: "/no/such/program",
		},
		"a file that is no program": {
			command: []string{"/etc/passwd"}, want: protocol.ExitCommandNotFound, message: "permission denied",
		},
		"an error of configuration": {
			worker: []string{"exit", "1"}, want: protocol.ExitConfigError, message: "In Worker.go line 1: no such queue.",
		},
		"a crash": {
			worker: []string{"exit", "3"}, want: protocol.ExitCrashed, message: "exit code 3",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, protocol.Config{}, tc.worker...)
			if tc.command != nil {
				p.command = tc.command
			}
			p.control(protocol.Control{Revision: 1})
			p.start()
			s := p.await("the exit", func(s protocol.Status) bool { return len(s.RecentExits) > 0 })
			if got := s.RecentExits[0]; got.Reason != tc.want || !strings.Contains(got.Message, tc.message) {
				t.Errorf("the exit is %+v; want %s with %q", got, tc.want, tc.message)
			}
			if code, _ := p.get(protocol.ReadyPath); code != http.StatusServiceUnavailable {
				t.Errorf("the readiness probe answers %d", code)
			}
			if final := p.end(); !strings.Contains(final.Message, tc.message) {
				t.Errorf("the last word is %+v", final)
			}
		})
	}
}

func TestABadConfigurationIsASentence(t *testing.T) {
	p := newPod(t, protocol.Config{})
	p.config.Runtime = "Cobol"
	p.start()
	if err := p.agent.Wait(); p.agent.ProcessState.ExitCode() != 2 {
		t.Errorf("the agent ended with %v", err)
	}
	const want = `the configuration in QUEUEWORKER_CONFIG cannot be used: the runtime "Cobol" is neither Laravel nor Custom`
	if got := p.read("stderr"); got != "queueworker-agent: "+want+"\n" {
		t.Errorf("it said %q", got)
	}
	if final := p.final(); final.Message != want || !final.Complete {
		t.Errorf("its last word is %+v", final)
	}
}

func TestTheAgentWaitsForControl(t *testing.T) {
	p := newPod(t, protocol.Config{}, "loop", "5", "")
	p.start()
	p.await("a status", func(s protocol.Status) bool { return s.ControlRevision == 0 && !s.Ready })
	if err := os.WriteFile(p.file("control/"+protocol.ControlFile), []byte(`{"revision":`), 0o644); err != nil {
		t.Fatal(err)
	}
	p.await("the error", func(s protocol.Status) bool { return strings.Contains(s.ControlError, "is no control document") })
	if err := os.Remove(p.file("control/" + protocol.ControlFile)); err != nil {
		t.Fatal(err)
	}
	p.control(protocol.Control{Revision: 7})
	p.await("its processes", func(s protocol.Status) bool {
		return s.ControlRevision == 7 && s.ControlError == "" && s.Counters.Processed > 0
	})
	final := p.end()
	if final.Counters.Exits[protocol.ExitDrained] != 1 {
		t.Errorf("the last word is %+v", final)
	}
}

// TestAWorkersPIDIsItsOwnSession also checks its score, environment and memory.
func TestAWorkersPIDIsItsOwnSession(t *testing.T) {
	p := newPod(t, protocol.Config{}, "loop", "20", "")
	p.control(protocol.Control{Revision: 1})
	p.start()
	s := p.await("a process", func(s protocol.Status) bool { return s.Counters.Processed > 0 })
	pid := int(s.Workers[0].PID)
	session, _, errno := syscall.Syscall(syscall.SYS_GETSID, uintptr(pid), 0, 0)
	if errno != 0 || int(session) != pid {
		t.Errorf("the session of process %d is %d (%v)", pid, session, errno)
	}
	score, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
	if err != nil || strings.TrimSpace(string(score)) != "1000" {
		t.Errorf("its oom_score_adj is %q (%v)", score, err)
	}
	if env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err != nil || strings.Contains(string(env), protocol.ConfigEnv) {
		t.Errorf("it got the agent's configuration (%v)", err)
	}
	p.await("a measurement", func(s protocol.Status) bool { return s.Workers[0].MemoryBytes > 1<<20 })
}
