// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"queueworker.dev/queueworker/agent"
)

// TestMain lets the test binary act as the agent and its workers.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "run", "install", "version":
			os.Exit(agent.Main(os.Args[1:], "test"))
		case "init":
			initProcess(os.Args[2:])
		case "chroot":
			enter(os.Args[2], os.Args[3:])
		case "worker":
			work(os.Args[2], os.Args[3:])
			os.Exit(0)
		}
	}
	code := m.Run()
	if built.path != "" {
		_ = os.RemoveAll(filepath.Dir(built.path))
	}
	os.Exit(code)
}

// initProcess is the agent as PID 1 of a new PID namespace, which needs its own /proc.
func initProcess(arguments []string) {
	must(syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
	must(syscall.Mount("proc", "/proc", "proc", 0, ""))
	os.Exit(agent.Main(arguments, "test"))
}

// enter runs a program in its own root directory.
func enter(root string, arguments []string) {
	must(syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
	must(syscall.Mount("proc", root+"/proc", "proc", 0, ""))
	must(syscall.Chroot(root))
	must(os.Chdir("/"))
	must(syscall.Exec(arguments[0], arguments, nil))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
}

// work is a fake worker program that prints the lines of the patterns in these tests.
func work(kind string, arguments []string) {
	number := func(i int) int {
		n, err := strconv.Atoi(arguments[i])
		if err != nil {
			panic(err)
		}
		return n
	}
	switch kind {
	case "loop": // works forever on jobs of that many milliseconds; ends gracefully
		loop(time.Duration(number(0))*time.Millisecond, arguments[1])
	case "hang": // begins a job, has a child in its own session, and ignores SIGTERM
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("[1] start Hang")
		spawn("sleep", "600")
		time.Sleep(10 * time.Minute)
	case "sleep":
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Duration(number(0)) * time.Second)
	case "orphans": // leaves that many orphans for init to reap, then works on
		for range number(0) {
			spawn("parent")
		}
		loop(10*time.Millisecond, "")
	case "parent": // ends before its child
		spawn("brief")
	case "brief":
	case "noise": // that many MiB of noise, with a job in each
		line := strings.Repeat("noise ", 100) + "\n"
		for i := range number(0) {
			fmt.Printf("[%d] start Noise\n", i)
			os.Stdout.WriteString(strings.Repeat(line, 1<<20/len(line)))
			fmt.Printf("[%d] done Noise in 1 ms\n", i)
		}
		os.Stdout.WriteString(strings.Repeat("x", 100<<20))
		fmt.Print("\n[last] start Noise\n[last] done Noise in 1 ms\n")
		loop(time.Second, "")
	case "exit":
		fmt.Fprintln(os.Stderr, "In Worker.go line 1:\n\n  no such queue")
		os.Exit(number(0))
	}
}

// loop works on jobs until SIGTERM, which ends it after the current job. It writes a line
// to the journal for each SIGTERM.
func loop(job time.Duration, journal string) {
	terms := make(chan os.Signal, 8)
	signal.Notify(terms, syscall.SIGTERM)
	for i := 0; ; i++ {
		fmt.Printf("[%d] start Job\n", i)
		time.Sleep(job)
		fmt.Printf("[%d] done Job in %d ms\n", i, job.Milliseconds())
		select {
		case <-terms:
			note(journal, fmt.Sprintf("pid %d: TERM, %d jobs", os.Getpid(), i+1))
			select {
			case <-terms:
				note(journal, fmt.Sprintf("pid %d: TERM again", os.Getpid()))
			default:
			}
			return
		default:
		}
	}
}

func note(journal, line string) {
	if journal == "" {
		return
	}
	file, err := os.OpenFile(journal, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(file, line)
	_ = file.Close()
}

// spawn starts a process of this program in its own session.
func spawn(arguments ...string) {
	_, err := os.StartProcess("/proc/self/exe", append([]string{"worker", "worker"}, arguments...), &os.ProcAttr{
		Files: []*os.File{nil, os.Stdout, os.Stderr}, Env: os.Environ(), Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		fmt.Println("spawn", err)
		os.Exit(98)
	}
}
