// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package laravel

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
)

// Worker says how Laravel's worker ends.
var Worker = supervisor.Worker{
	MemoryCode: 12,
	// PHP loses a signal that it handles while an exception propagates to its handler. Of
	// workers whose jobs all throw, 1 in 25 continues after SIGTERM as if it had received
	// none. Laravel treats a second SIGTERM like the first.
	Insist:  true,
	Unasked: "the application asked its workers to restart (queue:restart), or its connection was lost",
}

// Check returns what makes a configuration unusable for this runtime.
func Check(config protocol.Config) error {
	if min(config.MemoryBytes, config.HeapLimitBytes) < 1 {
		return errors.New("memoryBytes and heapLimitBytes must be positive")
	}
	return nil
}

// Program is `php artisan queue:work`; it implements supervisor.Program.
type Program struct {
	config protocol.Config
	log    func(format string, arguments ...any)
	facts  atomic.Pointer[Facts]
}

// New returns the program of a configuration. It reports with log what it finds out.
func New(config protocol.Config, log func(string, ...any)) *Program {
	p := &Program{config: config, log: log}
	p.facts.Store(&Facts{})
	return p
}

// Ask implements supervisor.Program. It asks all questions at the same time, because each
// starts PHP anew.
func (p *Program) Ask(run supervisor.Runner) supervisor.Facts {
	var answers [3]Answer
	questions := Questions(p.config.Command)
	var asking sync.WaitGroup
	for i, question := range questions {
		asking.Go(func() {
			output, code, err := run(question)
			answers[i] = Answer{Output: output, Code: code, Err: err}
		})
	}
	asking.Wait()
	facts := Read(Answers{Modules: answers[0], Help: answers[1], Version: answers[2]}, p.config.Command)
	p.facts.Store(&facts)
	if facts.Known {
		p.log("found Laravel %s, pcntl: %t, output: %s", facts.Version, facts.Pcntl, facts.Dialect())
	} else {
		p.log("could not find out which options the worker has (%s); the agent asks again after the first process has ended", complaint(questions, answers))
	}
	return supervised(facts)
}

// Inspect implements supervisor.Program. It boots the application once, while the first
// worker runs.
func (p *Program) Inspect(run supervisor.Runner) ([]protocol.Finding, bool) {
	output, code, err := run(InspectionQuestion(p.config))
	inspection := ReadInspection(Answer{Output: output, Code: code, Err: err})
	findings := Findings(p.config, *p.facts.Load(), inspection)
	for _, finding := range findings {
		if !finding.OK {
			p.log("preflight: %s: %s", finding.Kind, finding.Message)
		}
	}
	return findings, inspection != nil
}

// complaint names the question that was not answered, and why.
func complaint(questions [3][]string, answers [3]Answer) string {
	for i, answer := range answers {
		if answer.Err != nil {
			return fmt.Sprintf("%q: %v", questions[i], answer.Err)
		}
		if answer.Code != 0 {
			return fmt.Sprintf("%q ended with exit code %d", questions[i], answer.Code)
		}
	}
	return fmt.Sprintf("%q printed no list of options", questions[1])
}

// supervised derives the supervisor's facts. It assumes that pcntl is installed unless it
// is known to be missing, because Laravel's worker images have it.
func supervised(facts Facts) supervisor.Facts {
	pcntl := facts.Pcntl || !facts.Known
	out := supervisor.Facts{
		Final: facts.Known, Signals: pcntl, ShellWrapped: facts.ShellWrapped, Version: facts.Version,
		OwnTimeout: pcntl, OwnMaxJobs: !facts.Known || facts.Has("max-jobs"), OwnMaxTime: !facts.Known || facts.Has("max-time"),
		Dialect: facts.Dialect(), Inspectable: facts.Known,
	}
	if !pcntl {
		out.LifeLimit, out.NoSignals = MaxTimeWithoutPcntl, "NoPcntl"
	}
	return out
}

// Command implements supervisor.Program.
func (p *Program) Command(maxTime time.Duration) []string {
	return Command(p.config, *p.facts.Load(), maxTime)
}

// Reading implements supervisor.Program.
func (p *Program) Reading() supervisor.Reading {
	return supervisor.Reading{Parser: parser(p.facts.Load().Dialect(), p.config.Verbose)}
}

// parser returns the parser of one of the dialects that Facts.Dialect returns.
func parser(name dialect.Name, verbose bool) dialect.Parser {
	//exhaustive:ignore
	switch name {
	case dialect.JSON:
		return &dialect.JSONParser{}
	case dialect.Text:
		return &dialect.TextParser{Verbose: verbose}
	default:
		return &dialect.BracketParser{}
	}
}
