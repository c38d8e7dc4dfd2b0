// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package agent is the program that runs as PID 1 of every worker container. It wires its
// parts together: control documents say what is wanted, the supervisor decides and starts
// processes, their output is searched for job events, and reports inform the operator.
//
// `agent install DIR` copies the program from the agent's image into a volume that the
// worker container shares. `agent run -- COMMAND...` supervises workers until the pod
// ends. `agent exec -- COMMAND...` runs one command of artisan and then ends.
// `agent await` runs before the container is stopped, so that the agent does not miss the
// signal. `agent version` prints the version.
package agent

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/gate"
)

// Exit codes of the agent.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // also for an unusable configuration
)

const usage = `usage:
  agent install DIR          copy this program into DIR
  agent run [FLAGS] [-- COMMAND...]   supervise workers as PID 1 of a container
  agent exec [FLAGS] [-- COMMAND...]  run a command once as PID 1 of a container
  agent await                wait until PID 1 of this container catches SIGTERM
  agent version              print the version
`

// Main runs the command in arguments (without the program's name) and returns the exit
// code.
func Main(arguments []string, version string) int {
	if len(arguments) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return exitUsage
	}
	switch command, rest := arguments[0], arguments[1:]; command {
	case "install":
		return install(rest)
	case "run":
		return runCommand(rest, version)
	case "exec":
		return execCommand(rest)
	case "await":
		return await("/proc/1/status")
	case "version":
		fmt.Println(version)
		return exitOK
	}
	fmt.Fprintf(os.Stderr, "queueworker-agent: there is no command %q\n%s", arguments[0], usage)
	return exitUsage
}

// paths are the files and addresses that the agent uses. Only tests and manual trials
// change the defaults.
type paths struct {
	control, state, cgroup, terminationMessage string
	listen                                     gate.Addresses
}

func runCommand(arguments []string, version string) int {
	var p paths
	flags := flag.NewFlagSet("agent run", flag.ContinueOnError)
	flags.StringVar(&p.control, "control-dir", protocol.ControlDir, "directory of the control documents")
	flags.StringVar(&p.state, "state-dir", protocol.StateDir, "directory in which counts are kept")
	flags.StringVar(&p.cgroup, "cgroup", "/sys/fs/cgroup", "where the container's control group is mounted")
	flags.StringVar(&p.terminationMessage, protocol.TerminationMessageFlag, "/dev/termination-log", "the container's termination message; empty: none")
	flags.StringVar(&p.listen.Public, "listen", fmt.Sprintf(":%d", protocol.Port), "address to serve metrics and the public part of the status on")
	flags.StringVar(&p.listen.Health, "listen-health", fmt.Sprintf(":%d", protocol.HealthPort), "address to serve health on")
	flags.StringVar(&p.listen.Operator, "listen-operator", fmt.Sprintf(":%d", protocol.OperatorPort), "address to serve the operator on, by TLS")
	if err := flags.Parse(arguments); err != nil {
		return exitUsage
	}
	return run(p, flags.Args(), version)
}

func install(arguments []string) int {
	if len(arguments) != 1 {
		fmt.Fprint(os.Stderr, usage)
		return exitUsage
	}
	if err := Install(arguments[0]); err != nil {
		fmt.Fprintf(os.Stderr, "queueworker-agent: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// Install copies the running program into dir, with the file name of protocol.BinaryPath
// and mode 0555. The file appears completely or not at all.
func Install(dir string) error {
	source, err := os.Open("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("install the agent: %w", err)
	}
	defer func() { _ = source.Close() }()
	target, err := os.CreateTemp(dir, ".agent-*")
	if err != nil {
		return fmt.Errorf("install the agent: %w", err)
	}
	_, err = io.Copy(target, source)
	err = errors.Join(err, target.Chmod(0o555), target.Close())
	if err == nil {
		err = os.Rename(target.Name(), filepath.Join(dir, filepath.Base(protocol.BinaryPath)))
	}
	if err != nil {
		_ = os.Remove(target.Name())
		return fmt.Errorf("install the agent in %s: %w", dir, err)
	}
	return nil
}
