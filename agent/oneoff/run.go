// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package oneoff

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"queueworker.dev/queueworker/agent/process"
	"queueworker.dev/queueworker/api/protocol"
)

// Exit codes that Run returns itself, as a shell would.
const (
	codeFailed     = 1
	codeNotStarted = 127
	codeTerminated = 128 + int(syscall.SIGTERM)
)

// drainTime is how long output is still read after a command has ended, because a process
// that it left behind may keep its streams open forever.
const drainTime = time.Second

// Command describes what to run and how.
type Command struct {
	// Steps run one after the other. A step that fails does not prevent the next.
	Steps [][]string
	// Failure reports whether a printed line means that a step failed although its exit code
	// is 0. If Failure is nil, no line does.
	Failure func(line string) bool
	// Gentle is set if a step may be sent SIGTERM. A step that does not handle it would die
	// in the middle of its work.
	Gentle bool
	// Stdout and Stderr receive the output of the steps.
	Stdout, Stderr io.Writer
	// Message is the path of the termination message; empty means none.
	Message string
}

// Run runs a command until it has ended, or until ends delivers a signal and the current
// step has ended. It returns the exit code of the first step that failed. If none failed
// but steps were omitted, it returns the exit code of SIGTERM. A command that ends well
// although the pod ends is done.
func Run(reaper *process.Reaper, command Command, ends <-chan os.Signal) int {
	r := &run{Command: command, reaper: reaper, ends: ends}
	r.tail = NewTail(protocol.MaxFinalBytes, func(line string) {
		r.failed = r.failed || command.Failure != nil && command.Failure(line)
	})
	code, leftOut := 0, false
	for _, step := range command.Steps {
		if leftOut = r.ended; leftOut {
			break
		}
		if ended := r.step(step); code == 0 {
			code = ended
		}
	}
	switch {
	case code == 0 && leftOut:
		code = codeTerminated
	case code == 0 && r.failedLine():
		code = codeFailed
	}
	r.write()
	return code
}

type run struct {
	Command
	reaper *process.Reaper
	ends   <-chan os.Signal
	tail   *Tail
	// ended is set once the pod ends.
	ended bool
	// failed is set once a line meant failure; the tail's lock guards it.
	failed bool
}

func (r *run) failedLine() bool {
	r.tail.mu.Lock()
	defer r.tail.mu.Unlock()
	return r.failed
}

// step runs one step and returns its exit code.
func (r *run) step(arguments []string) int {
	child, err := r.reaper.Start(process.Command{Arguments: arguments})
	if child == nil {
		r.say(notStarted(arguments, err))
		return codeNotStarted
	}
	var reading sync.WaitGroup
	reading.Go(func() { r.read(child.Stdout, r.Stdout) })
	reading.Go(func() { r.read(child.Stderr, r.Stderr) })
	r.await(child)
	read := make(chan struct{})
	go func() {
		reading.Wait()
		close(read)
	}()
	select {
	case <-read:
	case <-time.After(drainTime):
	}
	return child.End().Code
}

// await waits until a step has ended, and passes the end of the pod on to it, once.
func (r *run) await(child *process.Child) {
	ends := r.ends
	for {
		select {
		case <-child.Done():
			return
		case <-ends:
			r.ended, ends = true, nil
			if r.Gentle {
				r.reaper.Signal(child.PID, syscall.SIGTERM)
			}
			r.write() // there may be no time for it later
		}
	}
}

func (r *run) read(from *os.File, to io.Writer) {
	defer func() { _ = from.Close() }()
	stream, piece := r.tail.Stream(), make([]byte, 16<<10)
	for {
		n, err := from.Read(piece)
		_, _ = stream.Write(piece[:n])
		_, _ = to.Write(piece[:n]) // a closed log must not end the command
		if err != nil {
			stream.End()
			return
		}
	}
}

// say prints one of the agent's own lines.
func (r *run) say(line string) {
	fmt.Fprintln(r.Stderr, line)
	stream := r.tail.Stream()
	_, _ = stream.Write([]byte(line + "\n"))
}

// write writes the termination message, a file that the kubelet has created.
func (r *run) write() {
	if r.Message == "" {
		return
	}
	if err := os.WriteFile(r.Message, []byte(r.tail.Text()), 0o644); err != nil {
		fmt.Fprintf(r.Stderr, "queueworker-agent: write the termination message: %v\n", err)
	}
}

func notStarted(arguments []string, err error) string {
	if missing, ok := err.(*exec.Error); ok { //nolint:errorlint // as process.Start returns it
		return fmt.Sprintf("The program %s was not found in the image: %v. Correct PATH in the env of the worker container, or make a wrapper that sets PATH the container's command.", missing.Name, missing.Err)
	}
	return fmt.Sprintf("%s could not be started: %v.", strings.Join(arguments[:1], " "), err)
}
