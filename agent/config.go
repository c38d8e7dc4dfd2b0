// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/runtimes"
)

// maxProcesses bounds the processes of a pod; the API allows fewer.
const maxProcesses = 1024

// parseConfig parses the agent's configuration. The error says in a sentence what is
// wrong with it.
func parseConfig(document string, command []string) (protocol.Config, error) {
	var config protocol.Config
	if document == "" {
		return config, fmt.Errorf("the environment variable %s is not set; it holds what to run, and the operator sets it", protocol.ConfigEnv)
	}
	if err := json.Unmarshal([]byte(document), &config); err != nil {
		return config, fmt.Errorf("the environment variable %s is no configuration: %w", protocol.ConfigEnv, err)
	}
	config.Command = command
	return config, check(config)
}

// check returns the first problem that makes a configuration unusable.
func check(config protocol.Config) error {
	program, known := programs[runtimes.Name(config.Runtime)]
	for _, rule := range []struct {
		broken  bool
		problem string
	}{
		{
			config.Version != protocol.Version,
			fmt.Sprintf("its version is %d and this agent understands %d", config.Version, protocol.Version),
		},
		{!known, fmt.Sprintf("the runtime %q is neither %s", config.Runtime, join(runtimes.Names(), " nor "))},
		{
			config.Processes < 1 || config.Processes > maxProcesses,
			fmt.Sprintf("processes is %d and must be between 1 and %d", config.Processes, maxProcesses),
		},
		{
			min(config.TimeoutSeconds, config.MaxTimeSeconds, int64(config.MaxJobs), int64(config.MaxExceptions), config.GraceSeconds, config.RetireBytes) < 0,
			"timeoutSeconds, maxTimeSeconds, maxJobs, maxExceptions, graceSeconds and retireBytes must not be negative",
		},
	} {
		if rule.broken {
			return unusable(errors.New(rule.problem))
		}
	}
	if err := program.check(config); err != nil {
		return unusable(err)
	}
	if config.Patterns != nil {
		if _, err := dialect.NewPatternParser(dialect.Expressions(*config.Patterns)); err != nil {
			return unusable(err)
		}
	}
	return nil
}

// join joins the names of runtimes.
func join(names []runtimes.Name, separator string) string {
	words := make([]string, 0, len(names))
	for _, name := range names {
		words = append(words, string(name))
	}
	return strings.Join(words, separator)
}

func unusable(problem error) error {
	return fmt.Errorf("the configuration in %s cannot be used: %w", protocol.ConfigEnv, problem)
}

// settings returns the part of the configuration that the supervisor needs.
func settings(config protocol.Config, podName string) supervisor.Settings {
	return supervisor.Settings{
		PodName:       podName,
		Processes:     int(config.Processes),
		Worker:        programs[runtimes.Name(config.Runtime)].worker,
		MaxJobs:       int64(config.MaxJobs),
		MaxTime:       time.Duration(config.MaxTimeSeconds) * time.Second,
		MaxExceptions: int64(config.MaxExceptions),
		Timeout:       time.Duration(config.TimeoutSeconds) * time.Second,
		RecyclePod:    config.Recycle == protocol.RecyclePod,
		Jitter:        config.Jitter,
		MemoryBytes:   config.MemoryBytes,
		RetireBytes:   config.RetireBytes,
		Grace:         time.Duration(config.GraceSeconds) * time.Second,
		Run:           config.Run,
		StopWhenEmpty: config.StopWhenEmpty,
	}
}
