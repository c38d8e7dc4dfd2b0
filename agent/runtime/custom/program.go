// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package custom runs a program of the user's, and reads its output by the patterns of
// the QueueApp. The agent knows nothing else of the program, so it keeps every limit
// itself.
package custom

import (
	"errors"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
)

// Facts returns the facts about the program. The agent asks it nothing.
var Facts = supervisor.Facts{Final: true, Signals: true, Dialect: dialect.Pattern}

// Worker says how the program ends.
var Worker = supervisor.Worker{
	Unasked: "the application asked its workers to restart, or its connection was lost",
}

// Check returns what makes a configuration unusable for this runtime.
func Check(config protocol.Config) error {
	if len(config.Command) == 0 {
		return errors.New("a Custom worker needs a command behind `run --`")
	}
	return nil
}

// Program is the program of the user's; it implements supervisor.Program.
type Program struct {
	config protocol.Config
}

// New returns the program of a configuration whose patterns were checked.
func New(config protocol.Config) *Program { return &Program{config: config} }

// Ask implements supervisor.Program.
func (p *Program) Ask(supervisor.Runner) supervisor.Facts { return Facts }

// Inspect implements supervisor.Program. It finds nothing, because the agent knows no
// setting of an arbitrary program.
func (p *Program) Inspect(supervisor.Runner) ([]protocol.Finding, bool) { return nil, true }

// Command implements supervisor.Program.
func (p *Program) Command(time.Duration) []string { return p.config.Command }

// Reading implements supervisor.Program.
func (p *Program) Reading() supervisor.Reading {
	if p.config.Patterns == nil {
		return supervisor.Reading{}
	}
	parser, err := dialect.NewPatternParser(dialect.Expressions(*p.config.Patterns))
	if err != nil {
		panic("custom: patterns were checked when the configuration was read: " + err.Error())
	}
	return supervisor.Reading{Parser: parser, Concurrent: parser.Concurrent(), BothStreams: true}
}
