// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMain lets the test binary act as the processes that the tests start.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "child" {
		child(os.Args[2], os.Args[3:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child is a fake process; the kind wait waits forever.
func child(kind string, arguments []string) {
	switch kind {
	case "exit":
		code, _ := strconv.Atoi(arguments[0])
		fmt.Print("to stdout")
		fmt.Fprint(os.Stderr, "to stderr")
		os.Exit(code)
	case "orphan": // leaves behind a child in its own session
		start("wait")
	case "forest": // children of children, each in its own session
		if depth, _ := strconv.Atoi(arguments[0]); depth > 0 {
			start("forest", strconv.Itoa(depth-1))
			start("forest", strconv.Itoa(depth-1))
		}
		wait()
	case "wait":
		wait()
	case "work":
		for usage := new(syscall.Rusage); usage.Utime.Nano() < int64(150*time.Millisecond); {
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, usage)
		}
		wait()
	}
}

func wait() {
	reader, writer, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	_, _ = reader.Read(make([]byte, 1))
	_ = writer.Close()
}

func start(arguments ...string) {
	_, err := os.StartProcess("/proc/self/exe", append([]string{"test", "child"}, arguments...), &os.ProcAttr{
		Files: []*os.File{nil, nil, nil}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		panic(err)
	}
}

// reaper is the test binary's only reaper, because nothing else may wait for processes.
var reaper = sync.OnceValue(func() *Reaper {
	r, err := NewReaper()
	if err != nil {
		panic(err)
	}
	return r
})

func begin(t *testing.T, arguments ...string) *Child {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := reaper().Start(Command{Arguments: append([]string{self, "child"}, arguments...)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		reaper().KillTree(c.PID)
		<-c.Done()
		_, _ = c.Stdout.Close(), c.Stderr.Close()
	})
	return c
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come about in 20 s", what)
		}
	}
}

func TestEndsAreTold(t *testing.T) {
	for _, code := range []int{0, 1, 12, 255} {
		c := begin(t, "exit", strconv.Itoa(code))
		stdout, _ := io.ReadAll(c.Stdout)
		stderr, _ := io.ReadAll(c.Stderr)
		<-c.Done()
		if end := c.End(); end.Code != code || end.Signal != 0 || end.CPU < 0 {
			t.Errorf("exit code %d is told as %+v", code, end)
		}
		if string(stdout) != "to stdout" || string(stderr) != "to stderr" {
			t.Errorf("printed %q and %q", stdout, stderr)
		}
	}
	c := begin(t, "wait")
	if !reaper().Signal(c.PID, syscall.SIGTERM) {
		t.Error("a living process cannot be signalled")
	}
	<-c.Done()
	if end := c.End(); end.Code != 143 || end.Signal != syscall.SIGTERM {
		t.Errorf("SIGTERM is told as %+v", end)
	}
	if reaper().Signal(c.PID, syscall.SIGTERM) {
		t.Error("a process that was reaped can be signalled")
	}
}

// TestNoEndIsLostUnderLoad starts processes from many goroutines while orphans end.
func TestNoEndIsLostUnderLoad(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	before := descendants(os.Getpid())
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 25 {
				code := (worker*25 + i) % 100
				c, err := reaper().Start(Command{Arguments: []string{self, "child", "exit", strconv.Itoa(code)}})
				if err != nil {
					t.Error(err)
					return
				}
				<-c.Done()
				_, _ = c.Stdout.Close(), c.Stderr.Close()
				if c.End().Code != code {
					t.Errorf("exit code %d is told as %+v", code, c.End())
				}
			}
		})
	}
	all.Wait()
	eventually(t, "no zombie", func() bool { return descendants(os.Getpid()) == before })
}

func descendants(pid int) int { return len(below(list(), []entry{{pid: pid}})) }

func TestOrphansBecomeOursAndAreReaped(t *testing.T) {
	before := descendants(os.Getpid())
	c := begin(t, "orphan")
	<-c.Done()
	eventually(t, "the orphan below us", func() bool { return descendants(os.Getpid()) == before+1 })
	reaper().KillAll()
	eventually(t, "the orphan reaped", func() bool { return descendants(os.Getpid()) == 0 })
}

func TestKillTreeReachesSessionsOfTheirOwn(t *testing.T) {
	c, other := begin(t, "forest", "3"), begin(t, "wait")
	eventually(t, "15 processes", func() bool { return len(tree(list(), c.PID, os.Getpid())) == 15 })
	doomed := tree(list(), c.PID, os.Getpid())
	reaper().KillTree(c.PID)
	<-c.Done()
	if end := c.End(); end.Signal != syscall.SIGKILL {
		t.Errorf("it ended with %+v", end)
	}
	eventually(t, "the end of all", func() bool {
		for _, e := range doomed {
			if now, ok := read(e.pid); ok && now.state != 'Z' {
				return false
			}
		}
		return true
	})
	if e, ok := read(other.PID); !ok || e.state == 'Z' {
		t.Error("another tree was killed")
	}
}

func TestStartErrors(t *testing.T) {
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("#!/no/such/interpreter\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		program string
		want    error
	}{
		"not in PATH":             {program: "no-such-program-anywhere", want: exec.ErrNotFound},
		"no such file":            {program: "/no/such/file", want: os.ErrNotExist},
		"not executable":          {program: "/etc/passwd", want: os.ErrPermission},
		"a script's interpreter":  {program: script, want: os.ErrNotExist},
		"a directory":             {program: "/proc", want: syscall.EISDIR},
		"a file below no folder":  {program: "/etc/passwd/x", want: syscall.ENOTDIR},
		"an empty name of course": {program: "", want: exec.ErrNotFound},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := reaper().Start(Command{Arguments: []string{tc.program}})
			if c != nil || !errors.Is(err, tc.want) {
				t.Errorf("the error is %v; want %v", err, tc.want)
			}
		})
	}
}

func TestMeasure(t *testing.T) {
	c := begin(t, "work")
	eventually(t, "memory and CPU time", func() bool {
		usage := Measure([]int{c.PID, 1 << 30})
		return len(usage) == 1 && usage[c.PID].Memory > 1<<18 && usage[c.PID].CPU >= 100*time.Millisecond
	})
}

func TestParseStat(t *testing.T) {
	stat := []byte("17 (a) b (c)) S 4 17 9 0 -1 4194560 1 2 3 4 100 50 25 5 20 0 1 0 123 1 2\n")
	want := entry{pid: 17, parent: 4, session: 9, state: 'S', cpu: 1800 * time.Millisecond}
	got, ok := parseStat(17, stat)
	if !ok {
		t.Fatal("not understood")
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(entry{})); diff != "" {
		t.Errorf("entry differs (-want +got):\n%s", diff)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("17 (x) S 4 17 9 0 -1 4194560 1 2 3 4 100 50 25 5 20"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, stat []byte) {
		if e, ok := parseStat(1, stat); ok && e.pid != 1 {
			t.Fatalf("%q gave %+v", stat, e)
		}
	})
}

func TestTreeIgnoresOrphansOfOthers(t *testing.T) {
	entries := []entry{
		{pid: 10, parent: 1, session: 10, state: 'S'},
		{pid: 11, parent: 10, session: 11, state: 'S'}, // its own session
		{pid: 12, parent: 11, session: 12, state: 'Z'},
		{pid: 13, parent: 1, session: 10, state: 'S'}, // an orphan in the same session
		{pid: 14, parent: 13, session: 14, state: 'S'},
		{pid: 20, parent: 1, session: 20, state: 'S'},
		{pid: 21, parent: 20, session: 20, state: 'S'},
	}
	var got []int
	for _, e := range tree(entries, 10, 1) {
		got = append(got, e.pid)
	}
	if diff := cmp.Diff([]int{10, 13, 11, 14}, got); diff != "" {
		t.Errorf("tree differs (-want +got):\n%s", diff)
	}
}

func TestWorkerLooksBehindShells(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		script string
		want   bool
	}{
		"a shell that waits":           {script: `"$@"; true`, want: true},
		"a shell that replaces itself": {script: `exec "$@"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := reaper().Start(Command{Arguments: []string{"/bin/sh", "-c", tc.script, "sh", self, "child", "wait"}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				reaper().KillTree(c.PID)
				<-c.Done()
			}()
			eventually(t, "the worker", func() bool {
				worker, wrapped := Worker(c.PID)
				exe, _ := os.Readlink("/proc/" + strconv.Itoa(worker) + "/exe")
				return exe == self && wrapped == tc.want && wrapped == (worker != c.PID)
			})
		})
	}
}

func TestShellThatCatchesTermIsTheWorker(t *testing.T) {
	c, err := reaper().Start(Command{Arguments: []string{"/bin/sh", "-c", "trap exit TERM; while :; do sleep 60 & wait; done"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		reaper().KillTree(c.PID)
		<-c.Done()
	}()
	eventually(t, "the shell waits for its child", func() bool {
		return len(tree(list(), c.PID, os.Getpid())) == 2 && catchesTerm(c.PID)
	})
	if worker, wrapped := Worker(c.PID); wrapped || worker != c.PID {
		t.Errorf("Worker() = %d, %t; want the shell %d itself", worker, wrapped, c.PID)
	}
}
