// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"queueworker.dev/queueworker/agent/process"
)

// askLimit bounds the time for one question, answerBytes the size of its answer.
const (
	askLimit    = 20 * time.Second
	answerBytes = 256 << 10
)

// Runner runs a command to its end and returns its stdout and its exit code.
type Runner func(arguments []string) (stdout string, code int, err error)

// run is the executor's Runner.
func (x *Executor) run(arguments []string) (string, int, error) {
	child, err := x.Reaper.Start(process.Command{Arguments: arguments})
	if child == nil {
		return "", 0, err
	}
	stdout, stderr := pollable(child.Stdout), pollable(child.Stderr)
	printed := make(chan string, 1)
	go func() { printed <- readAll(stdout) }()
	go readAll(stderr)
	select {
	case <-child.Done():
	case <-x.stopped:
		x.Reaper.KillTree(child.PID)
		<-child.Done()
	case <-time.After(askLimit):
		x.Reaper.KillTree(child.PID)
		<-child.Done()
		err = fmt.Errorf("it gave no answer in %s", askLimit)
	}
	if _, scoreless := err.(*process.ScoreError); scoreless { //nolint:errorlint // not wrapped
		err = nil
	}
	// A process that the command started may still hold the pipes.
	_ = stdout.SetReadDeadline(time.Now().Add(time.Second))
	_ = stderr.SetReadDeadline(time.Now().Add(time.Second))
	return <-printed, child.End().Code, err
}

// pollable closes the pipe and returns a duplicate of it whose reads support a deadline.
func pollable(pipe *os.File) *os.File {
	defer func() { _ = pipe.Close() }()
	fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, pipe.Fd(), syscall.F_DUPFD_CLOEXEC, 0)
	if errno != 0 {
		return pipe // already closed: it reads as empty
	}
	_ = syscall.SetNonblock(int(fd), true)
	return os.NewFile(fd, pipe.Name())
}

// readAll reads a pipe to its end and closes it. It discards all beyond answerBytes.
func readAll(pipe *os.File) string {
	defer func() { _ = pipe.Close() }()
	text, _ := io.ReadAll(io.LimitReader(pipe, answerBytes))
	_, _ = io.Copy(io.Discard, pipe)
	return string(text)
}
