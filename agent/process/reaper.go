// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// prSetChildSubreaper is PR_SET_CHILD_SUBREAPER of prctl(2).
const prSetChildSubreaper = 36

// oomScore makes the kernel kill workers before the agent.
const oomScore = 1000

// Command describes a process to start.
type Command struct {
	// Arguments are the program, looked up in PATH, and its arguments.
	Arguments []string
	// Env is the environment; nil means the agent's own.
	Env []string
}

// Child is a started process.
type Child struct {
	// PID is the number of the process, its session and its process group.
	PID int
	// Stdout and Stderr are the reading ends of its streams. They block, so Go's poller does
	// not watch them.
	Stdout, Stderr *os.File

	done  chan struct{}
	end   End
	start time.Time
}

// End describes how a process ended.
type End struct {
	// Code is the exit code, or 128 plus Signal.
	Code int
	// Signal is the signal that ended the process, or 0.
	Signal syscall.Signal
	// CPU is the time used by the process and the descendants it waited for.
	CPU time.Duration
}

// Done returns a channel that is closed once the process has been reaped.
func (c *Child) Done() <-chan struct{} { return c.done }

// End returns how the process ended. It is valid once Done is closed.
func (c *Child) End() End { return c.end }

// Reaper holds the table of children.
type Reaper struct {
	mu       sync.Mutex
	children map[int]*Child
	signals  chan os.Signal
	null     *os.File
}

// NewReaper makes this process the reaper of all its descendants and starts reaping.
func NewReaper() (*Reaper, error) {
	// This fails only if the kernel does not support it. PID 1 does not need it.
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 && os.Getpid() != 1 {
		return nil, fmt.Errorf("become the reaper of orphaned processes: %w", errno)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, fmt.Errorf("open the stdin of workers: %w", err)
	}
	r := &Reaper{children: map[int]*Child{}, signals: make(chan os.Signal, 1), null: null}
	signal.Notify(r.signals, syscall.SIGCHLD)
	go func() {
		for range r.signals {
			r.reap()
		}
	}()
	return r, nil
}

// Start starts a process in its own session with oom_score_adj 1000. The caller must read
// its streams and close them.
func (r *Reaper) Start(command Command) (*Child, error) {
	path, err := exec.LookPath(command.Arguments[0])
	if err != nil {
		return nil, err
	}
	env := command.Env
	if env == nil {
		env = os.Environ()
	}
	stdout, stdoutEnd, err := blockingPipe()
	if err != nil {
		return nil, err
	}
	stderr, stderrEnd, err := blockingPipe()
	if err != nil {
		return nil, closeAll(err, stdout, stdoutEnd)
	}
	child := &Child{Stdout: stdout, Stderr: stderr, done: make(chan struct{})}
	attributes := &syscall.ProcAttr{
		Env:   env,
		Files: []uintptr{r.null.Fd(), stdoutEnd.Fd(), stderrEnd.Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	}
	r.mu.Lock()
	child.PID, err = syscall.ForkExec(path, command.Arguments, attributes)
	if err == nil {
		r.children[child.PID] = child
	}
	r.mu.Unlock()
	if err != nil {
		err = &os.PathError{Op: "start", Path: path, Err: err}
		return nil, closeAll(err, stdout, stdoutEnd, stderr, stderrEnd)
	}
	_ = closeAll(nil, stdoutEnd, stderrEnd)
	child.start = time.Now()
	return child, sacrifice(child.PID)
}

// Signal sends a signal to a child. It returns false if the child has been reaped.
func (r *Reaper) Signal(pid int, sig syscall.Signal) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, alive := r.children[pid]; !alive {
		return false
	}
	return syscall.Kill(pid, sig) == nil
}

// reap reaps every process that has ended.
func (r *Reaper) reap() {
	for {
		var status syscall.WaitStatus
		var usage syscall.Rusage
		r.mu.Lock()
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, &usage)
		child := r.children[pid]
		if pid > 0 {
			delete(r.children, pid)
		}
		r.mu.Unlock()
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil || pid <= 0:
			return
		case child != nil:
			child.end = ending(status, usage)
			close(child.done)
		}
	}
}

func ending(status syscall.WaitStatus, usage syscall.Rusage) End {
	end := End{
		Code: status.ExitStatus(),
		CPU:  time.Duration(usage.Utime.Nano() + usage.Stime.Nano()),
	}
	if status.Signaled() {
		end.Signal = status.Signal()
		end.Code = 128 + int(end.Signal)
	}
	return end
}

// sacrifice makes the kernel kill the process first when memory runs out. Raising the
// score needs no privilege, so the write is denied only if the score is that high
// already. A process that has ended meanwhile is no error.
func sacrifice(pid int) error {
	path := "/proc/" + strconv.Itoa(pid) + "/oom_score_adj"
	err := os.WriteFile(path, []byte(strconv.Itoa(oomScore)), 0)
	if err == nil || os.IsNotExist(err) {
		return nil
	}
	score, _ := os.ReadFile(path)
	if len(score) > 0 && string(score) != strconv.Itoa(oomScore)+"\n" {
		return &ScoreError{PID: pid, Err: err}
	}
	return nil
}

// ScoreError reports that a process was started, but that the kernel may kill the agent
// before it when memory runs out.
type ScoreError struct {
	PID int
	Err error
}

func (e *ScoreError) Error() string {
	return fmt.Sprintf("set oom_score_adj of process %d: %v", e.PID, e.Err)
}

func (e *ScoreError) Unwrap() error { return e.Err }

// blockingPipe is os.Pipe without Go's poller.
func blockingPipe() (reader, writer *os.File, err error) {
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	return os.NewFile(uintptr(ends[0]), "|0"), os.NewFile(uintptr(ends[1]), "|1"), nil
}

func closeAll(err error, files ...*os.File) error {
	for _, file := range files {
		_ = file.Close()
	}
	return err
}
