// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"queueworker.dev/queueworker/agent/oneoff"
	"queueworker.dev/queueworker/agent/runtime/custom"
	"queueworker.dev/queueworker/agent/runtime/laravel"
	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/runtimes"
)

// program is everything that the agent needs to run the workers of one runtime.
type program struct {
	// open returns the worker program of a configuration.
	open func(config protocol.Config, log func(string, ...any)) supervisor.Program
	// facts are the facts about the program that are known before it is asked.
	facts supervisor.Facts
	// worker says how the program ends.
	worker supervisor.Worker
	// check returns what makes a configuration unusable for this runtime.
	check func(config protocol.Config) error
	// oneOff returns how to carry out a one-off command; without any steps if the runtime
	// does not know the action. It is nil if the runtime has no commands.
	oneOff func(command protocol.Command) oneoff.Command
}

// programs has a program for each runtime.
var programs = map[runtimes.Name]program{
	runtimes.Laravel: {
		open: func(config protocol.Config, log func(string, ...any)) supervisor.Program {
			return laravel.New(config, log)
		},
		worker: laravel.Worker, check: laravel.Check, oneOff: laravel.OneOff,
	},
	runtimes.Custom: {
		open: func(config protocol.Config, _ func(string, ...any)) supervisor.Program {
			return custom.New(config)
		},
		facts: custom.Facts, worker: custom.Worker, check: custom.Check,
	},
}
