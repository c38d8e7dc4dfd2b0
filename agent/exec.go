// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"queueworker.dev/queueworker/agent/laravel"
	"queueworker.dev/queueworker/agent/oneoff"
	"queueworker.dev/queueworker/agent/process"
	"queueworker.dev/queueworker/api/protocol"
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
	command, err := parseCommand(os.Getenv(protocol.CommandEnv), flags.Args())
	if err != nil {
		return refuseCommand(message, err, exitUsage)
	}
	_ = os.Unsetenv(protocol.CommandEnv) // hidden from the command
	// Before the reaper, which would reap this child too.
	gentle := command.Action != protocol.ActionOnce || hasPcntl(command.Worker.Command)
	reaper, err := process.NewReaper()
	if err != nil {
		return refuseCommand(message, err, exitFailed)
	}
	return oneoff.Run(reaper, oneoff.Command{
		Steps: laravel.Steps(command), Failure: laravel.Failure(command.Action), Gentle: gentle,
		Stdout: os.Stdout, Stderr: os.Stderr, Message: message,
	}, ends)
}

// refuseCommand reports why nothing was run, in the log and in the termination message.
func refuseCommand(message string, cause error, code int) int {
	fmt.Fprintf(os.Stderr, "queueworker-agent: %v\n", cause)
	if message != "" {
		_ = os.WriteFile(message, []byte(cause.Error()), 0o644)
	}
	return code
}

// parseCommand parses a command. The error says in a sentence what is wrong with it.
func parseCommand(document string, wrapper []string) (protocol.Command, error) {
	var command protocol.Command
	if document == "" {
		return command, fmt.Errorf("the environment variable %s is not set; it holds what to run, and the operator sets it", protocol.CommandEnv)
	}
	if err := json.Unmarshal([]byte(document), &command); err != nil {
		return command, fmt.Errorf("the environment variable %s is no command: %w", protocol.CommandEnv, err)
	}
	command.Worker.Command = wrapper
	if command.Version != protocol.Version {
		return command, fmt.Errorf("the command in %s has the version %d and this agent understands %d", protocol.CommandEnv, command.Version, protocol.Version)
	}
	if len(laravel.Steps(command)) == 0 {
		return command, fmt.Errorf("the command in %s has the action %q, which this agent does not know", protocol.CommandEnv, command.Action)
	}
	return command, nil
}

// hasPcntl reports whether a worker handles SIGTERM. If PHP does not answer, hasPcntl
// returns true, because Laravel's worker images have pcntl and the command will show
// PHP's error anyway.
func hasPcntl(wrapper []string) bool {
	question := laravel.Questions(wrapper)[0]
	modules, err := exec.Command(question[0], question[1:]...).Output()
	return err != nil || bytes.Contains(modules, []byte("\npcntl\n"))
}
