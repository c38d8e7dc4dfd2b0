// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// TestPluginTop drives the live view in a real terminal of 80 by 24.
func TestPluginTop(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Processes(3).Obj(), builders.QueueWorker(l.Namespace, "reports").Queue("reports").Obj())
	l.Ready("emails", 2*time.Minute)
	l.Ready("reports", 2*time.Minute)
	terminal := l.Plugin().Terminal(80, 24, "top")
	has := func(texts ...string) func(string) bool {
		return func(screen string) bool {
			for _, text := range texts {
				if !strings.Contains(screen, text) {
					return false
				}
			}
			return true
		}
	}
	screen := terminal.Shows("all workers", 20*time.Second, has("4 workers in 2 pools: 0 busy", "CPU▾", "Idle"))
	for i, line := range strings.Split(screen, "\n") {
		if len([]rune(line)) > 80 || i > 24 {
			t.Errorf("line %d does not fit: %q", i, line)
		}
	}
	l.Dispatch(lab.Jobs{Kind: "slow", Arg: "15", Queue: "reports"})
	terminal.Shows("the job", 20*time.Second, has("1 busy", aJob))
	terminal.Keys("b")
	terminal.Shows("only the busy one", 5*time.Second, func(screen string) bool {
		return has("Only busy ones", "reports")(screen) && !strings.Contains(screen, "emails")
	})
	terminal.Keys("Escape")
	terminal.Shows("all again", 5*time.Second, has("emails", "reports"))
	terminal.Keys("n")
	terminal.Shows("them by name", 5*time.Second, func(screen string) bool {
		return has("WORKER▾")(screen) && strings.Index(screen, "emails") < strings.Index(screen, "reports")
	})
	terminal.Keys("r")
	terminal.Shows("them the other way round", 5*time.Second, func(screen string) bool {
		return has("WORKER▴")(screen) && strings.Index(screen, "emails") > strings.Index(screen, "reports")
	})
	terminal.Keys("/", "e", "m", "a", "i", "l", "Enter")
	terminal.Shows("what is filtered", 5*time.Second, func(screen string) bool {
		return has("Filter: email", "emails")(screen) && !strings.Contains(screen, "reports")
	})
	terminal.Keys("?")
	terminal.Shows("the keys", 5*time.Second, has("sort by CPU, memory"))
	terminal.Keys("Escape")
	terminal.Resize(50, 10)
	terminal.Shows("a small picture", 10*time.Second, func(screen string) bool {
		lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
		return len(lines) <= 10 && has("QueueWorker top", "q quit", "emails")(screen)
	})
	cheap(t, l, terminal)
	terminal.Keys("p")
	paused := terminal.Shows("that it pauses", 5*time.Second, has("PAUSED"))
	l.Dispatch(lab.Jobs{Kind: "quick", Count: 5, Run: "unseen"})
	l.Settled("unseen", time.Minute)
	if now := terminal.Screen(); now != paused {
		t.Errorf("the paused picture changed from\n%s\nto\n%s", paused, now)
	}
	terminal.Keys("q")
	terminal.EndsWith("0", 10*time.Second)
}

// cheap measures for a few seconds how much of a CPU the program in a terminal uses.
func cheap(t *testing.T, l *lab.Lab, terminal *lab.Terminal) {
	t.Helper()
	const seconds = 5
	before := ticks(t, terminal.PID())
	began := time.Now()
	l.Eventually("some seconds have passed", time.Minute, func() (bool, string) { return time.Since(began) > seconds*time.Second, "" })
	share := float64(ticks(t, terminal.PID())-before) / 100 / time.Since(began).Seconds()
	t.Logf("top takes %.1f%% of a processor", 100*share)
	if share > 0.1 {
		t.Errorf("top takes %.1f%% of a processor, want less than 10%%", 100*share)
	}
}

// ticks returns the CPU time that a process has used, in hundredths of a second.
func ticks(t *testing.T, pid string) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%s/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(data), ") ")
	fields := strings.Fields(after)
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		t.Fatal(err)
	}
	system, err := strconv.Atoi(fields[12])
	if err != nil {
		t.Fatal(err)
	}
	return user + system
}

// TestPluginTopWithoutProxy: a user who may read QueueWorkers and pods but may not ask
// agents sees the status with its age, and the reason.
func TestPluginTopWithoutProxy(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Obj())
	l.Ready("emails", 2*time.Minute)
	l.Eventually("the status has the worker", time.Minute, func() (bool, string) {
		return len(l.Worker("emails").Status.Workers) == 1, ""
	})
	terminal := l.User("view").Terminal(160, 24, "top", "emails")
	terminal.Shows("the status with its age", 20*time.Second, func(screen string) bool {
		return strings.Contains(screen, "the QueueWorkers' status of ") && strings.Contains(screen, "because you may not `get` `pods/proxy`") && strings.Contains(screen, l.Pods("emails")[0].Name)
	})
	terminal.Keys("C-c")
	terminal.EndsWith("0", 10*time.Second)
	terminal = l.User().Terminal(160, 24, "top")
	terminal.EndsWith(strconv.Itoa(cli.CodeForbidden), 20*time.Second)
	terminal.Shows("why not", 5*time.Second, func(screen string) bool { return strings.Contains(screen, "may not list queueworkers") })
}
