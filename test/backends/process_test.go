// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// process is a running program.
type process struct {
	command *exec.Cmd
	log     string
	ended   chan struct{}
}

// start starts a program as a user, with its output in a file.
func start(t *testing.T, dir string, uid int, environment []string, name string, arguments ...string) *process {
	t.Helper()
	p := &process{log: filepath.Join(dir, "log"), ended: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	p.command = exec.Command(name, arguments...)
	p.command.Dir, p.command.Stdout, p.command.Stderr = dir, log, log
	p.command.Env = append(os.Environ(), environment...)
	p.command.SysProcAttr = as(uid)
	// If the test is killed, its servers are killed too.
	p.command.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error)
	go func() { // Pdeathsig belongs to the thread, which a goroutine that never ends keeps
		started <- p.command.Start()
		if p.command.Process != nil {
			_ = p.command.Wait()
		}
		_ = log.Close()
		close(p.ended)
	}()
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", name, err)
	}
	return p
}

func as(uid int) *syscall.SysProcAttr {
	if os.Geteuid() != 0 || uid == 0 {
		return &syscall.SysProcAttr{}
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid), NoSetGroups: true}}
}

// stop ends the process with a signal and waits for its end.
func (p *process) stop(signal os.Signal) {
	_ = p.command.Process.Signal(signal)
	select {
	case <-p.ended:
	case <-time.After(20 * time.Second):
		_ = p.command.Process.Kill()
		<-p.ended
	}
}

func (p *process) output() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// runAs runs a program to its end.
func runAs(t *testing.T, dir string, uid int, name string, arguments ...string) {
	t.Helper()
	command := exec.Command(name, arguments...)
	command.Dir, command.SysProcAttr = dir, as(uid)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, output.String())
	}
}

// freePort returns a port on which no program listens.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}

// await waits for a condition; p, if not nil, must keep running meanwhile.
func await(t *testing.T, what string, p *process, condition func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = condition(); err == nil {
			return
		}
		if p == nil {
			continue
		}
		select {
		case <-p.ended:
			t.Fatalf("%s: the process has ended\n%s", what, p.output())
		default:
		}
	}
	if p != nil {
		err = errors.Join(err, errors.New(p.output()))
	}
	t.Fatalf("%s: not in time: %v", what, err)
}

// answers returns a condition for await: a program listens on the address.
func answers(network, address string) func() error {
	return func() error {
		connection, err := net.DialTimeout(network, address, time.Second)
		if err == nil {
			_ = connection.Close()
		}
		return err
	}
}

func local(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
