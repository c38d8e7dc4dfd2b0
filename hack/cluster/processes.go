// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A component is one program of the cluster.
type component struct {
	name      string
	program   string // absolute path, or a name on PATH
	arguments []string
}

// start runs the component in a new session, so that neither the end of this command nor
// a terminal's hang-up reaches it.
func (c component) start(l layout) error {
	log, err := os.OpenFile(l.logFile(c.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	process := exec.Command(c.program, c.arguments...)
	process.Stdout, process.Stderr = log, log
	process.Dir = l.state
	process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := process.Start(); err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	id, err := identify(process.Process.Pid)
	if err != nil {
		return fmt.Errorf("%s ended at once; its log is %s", c.name, l.logFile(c.name))
	}
	go process.Wait() //nolint:errcheck // reaps it while we live; its end is seen by its pid
	return os.WriteFile(l.pidFile(c.name), []byte(id.String()), 0o644)
}

// recorded returns the process that the component's pid file names.
func recorded(l layout, name string) (processID, error) {
	text, err := os.ReadFile(l.pidFile(name))
	if err != nil {
		return processID{}, err
	}
	return parsePidFile(string(text))
}

func running(l layout, name string) bool {
	id, err := recorded(l, name)
	return err == nil && id.alive()
}

// stop ends the component gracefully, and kills it after the deadline.
func stop(l layout, name string, patience time.Duration) error {
	id, err := recorded(l, name)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, errNoPidFile) {
		return nil // strays finds the process that such a file fails to name
	}
	if err != nil {
		return err
	}
	return terminate(id, name, patience)
}

// terminate sends SIGTERM, waits, and sends SIGKILL if the process is still alive.
func terminate(id processID, name string, patience time.Duration) error {
	for _, attempt := range []struct {
		signal   syscall.Signal
		patience time.Duration
	}{{syscall.SIGTERM, patience}, {syscall.SIGKILL, 10 * time.Second}} {
		if !id.alive() {
			return nil
		}
		if attempt.patience == 0 {
			continue
		}
		if err := syscall.Kill(id.pid, attempt.signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop %s (pid %d): %w", name, id.pid, err)
		}
		for deadline := time.Now().Add(attempt.patience); id.alive() && time.Now().Before(deadline); {
			time.Sleep(10 * time.Millisecond)
		}
	}
	if id.alive() {
		return fmt.Errorf("%s (pid %d) does not end, not even by SIGKILL", name, id.pid)
	}
	return nil
}

// strays finds processes of this cluster that no pid file names: container shims, and
// processes of a run that was killed between their start and its record.
func strays(l layout) []processID {
	entries, _ := os.ReadDir("/proc")
	var found []processID
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		program, _ := os.Readlink(filepath.Join("/proc", entry.Name(), "exe"))
		commandLine, _ := os.ReadFile(filepath.Join("/proc", entry.Name(), "cmdline"))
		if !belongs(l, program, strings.Split(string(commandLine), "\x00")) {
			continue
		}
		if id, err := identify(pid); err == nil {
			found = append(found, id)
		}
	}
	return found
}

// belongs reports whether a process is part of this cluster: its program is known and an
// argument names the state directory. An editor or a tail of a log does not match.
func belongs(l layout, program string, arguments []string) bool {
	program = strings.TrimSuffix(program, " (deleted)")
	switch base := filepath.Base(program); {
	case base == "containerd", base == "containerd-shim-runc-v2", base == "runc":
	case base == "kube" && strings.HasPrefix(filepath.Dir(program), filepath.Join(l.cache, "kube-")):
	default:
		return false
	}
	for _, argument := range arguments {
		_, value, named := strings.Cut(argument, "=")
		if !named {
			value = argument
		}
		value = strings.TrimPrefix(value, "unix://")
		if value == l.state || strings.HasPrefix(value, l.state+"/") {
			return true
		}
	}
	return false
}
