// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"queueworker.dev/queueworker/agent/oneoff"
	"queueworker.dev/queueworker/agent/process"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/runtimes"
)

// execCommand runs a command once and returns its exit code.
func execCommand(arguments []string) int {
	// First of all, because until then SIGTERM ends the agent without a final report.
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	var message string
	flags := flag.NewFlagSet("agent exec", flag.ContinueOnError)
	flags.StringVar(&message, protocol.TerminationMessageFlag, "/dev/termination-log", "the container's termination message; empty: none")
	if err := flags.Parse(arguments); err != nil {
		return exitUsage
	}
	document := os.Getenv(protocol.CommandEnv)
	_ = os.Unsetenv(protocol.CommandEnv) // hidden from the command
	// A runtime may run a program to answer, whose end the reaper would take away.
	command, err := parseCommand(document, flags.Args())
	if err != nil {
		return refuseCommand(message, err, exitUsage)
	}
	reaper, err := process.NewReaper()
	if err != nil {
		return refuseCommand(message, err, exitFailed)
	}
	command.Stdout, command.Stderr, command.Message = os.Stdout, os.Stderr, message
	return oneoff.Run(reaper, command, ends)
}

// refuseCommand reports why nothing was run, in the log and in the termination message.
func refuseCommand(message string, cause error, code int) int {
	fmt.Fprintf(os.Stderr, "queueworker-agent: %v\n", cause)
	if message != "" {
		_ = os.WriteFile(message, []byte(cause.Error()), 0o644)
	}
	return code
}

// parseCommand parses a command and returns how to carry it out. The error says in a
// sentence what is wrong with it.
func parseCommand(document string, wrapper []string) (oneoff.Command, error) {
	var command protocol.Command
	if document == "" {
		return oneoff.Command{}, fmt.Errorf("the environment variable %s is not set; it holds what to run, and the operator sets it", protocol.CommandEnv)
	}
	if err := json.Unmarshal([]byte(document), &command); err != nil {
		return oneoff.Command{}, fmt.Errorf("the environment variable %s is no command: %w", protocol.CommandEnv, err)
	}
	command.Worker.Command = wrapper
	if command.Version != protocol.Version {
		return oneoff.Command{}, fmt.Errorf("the command in %s has the version %d and this agent understands %d", protocol.CommandEnv, command.Version, protocol.Version)
	}
	if open := programs[runtimes.Of(command.Worker.Runtime).Name].oneOff; open != nil {
		if run := open(command); len(run.Steps) > 0 {
			return run, nil
		}
	}
	return oneoff.Command{}, fmt.Errorf("the command in %s has the action %q, which this agent does not know", protocol.CommandEnv, command.Action)
}
