// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"encoding/json"
	"fmt"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
)

// maxProcesses bounds a pod's processes; the API allows fewer.
const maxProcesses = 1024

// parseConfig reads the agent's configuration. The error says in a sentence what
// is wrong with it.
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

func check(config protocol.Config) error {
	wrong := func(format string, arguments ...any) error {
		return fmt.Errorf("the configuration in %s cannot be used: "+format, append([]any{protocol.ConfigEnv}, arguments...)...)
	}
	switch {
	case config.Version != protocol.Version:
		return wrong("its version is %d and this agent understands %d", config.Version, protocol.Version)
	case config.Runtime != protocol.RuntimeLaravel && config.Runtime != protocol.RuntimeCustom:
		return wrong("the runtime %q is neither %s nor %s", config.Runtime, protocol.RuntimeLaravel, protocol.RuntimeCustom)
	case config.Runtime == protocol.RuntimeCustom && len(config.Command) == 0:
		return wrong("a %s worker needs a command behind `run --`", protocol.RuntimeCustom)
	case config.Processes < 1 || config.Processes > maxProcesses:
		return wrong("processes is %d and must be between 1 and %d", config.Processes, maxProcesses)
	case config.Runtime == protocol.RuntimeLaravel && (config.MemoryBytes < 1 || config.HeapLimitBytes < 1):
		return wrong("memoryBytes and heapLimitBytes must be positive")
	case config.TimeoutSeconds < 0 || config.MaxTimeSeconds < 0 || config.MaxJobs < 0 || config.GraceSeconds < 0 || config.RetireBytes < 0:
		return wrong("timeoutSeconds, maxTimeSeconds, maxJobs, graceSeconds and retireBytes must not be negative")
	}
	if config.Patterns != nil {
		if _, err := dialect.NewPatternParser(dialect.Expressions(*config.Patterns)); err != nil {
			return wrong("%w", err)
		}
	}
	return nil
}

// settings are what the supervisor needs of the configuration.
func settings(config protocol.Config, podName string) supervisor.Settings {
	return supervisor.Settings{
		PodName:     podName,
		Processes:   int(config.Processes),
		Laravel:     config.Runtime == protocol.RuntimeLaravel,
		MaxJobs:     int64(config.MaxJobs),
		MaxTime:     time.Duration(config.MaxTimeSeconds) * time.Second,
		Timeout:     time.Duration(config.TimeoutSeconds) * time.Second,
		Jitter:      config.Jitter,
		MemoryBytes: config.MemoryBytes,
		RetireBytes: config.RetireBytes,
		Grace:       time.Duration(config.GraceSeconds) * time.Second,
	}
}
