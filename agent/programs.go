// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/agent/laravel"
	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
)

// customProgram is a worker with its own command and patterns. It keeps no limit itself,
// so the agent keeps all limits.
type customProgram struct {
	config protocol.Config
}

// customFacts are known without any questions.
var customFacts = supervisor.Facts{Final: true, Signals: true, Dialect: dialect.Pattern}

func (p *customProgram) Ask(supervisor.Runner) supervisor.Facts { return customFacts }

// Inspect finds nothing, because the agent knows no setting of an arbitrary worker.
func (p *customProgram) Inspect(supervisor.Runner) ([]protocol.Finding, bool) { return nil, true }

func (p *customProgram) Command(time.Duration) []string { return p.config.Command }

func (p *customProgram) Reading() supervisor.Reading {
	if p.config.Patterns == nil {
		return supervisor.Reading{}
	}
	parser, err := dialect.NewPatternParser(dialect.Expressions(*p.config.Patterns))
	if err != nil {
		panic("agent: patterns were checked when the configuration was read: " + err.Error())
	}
	return supervisor.Reading{Parser: parser, Concurrent: parser.Concurrent(), BothStreams: true}
}

// laravelProgram is `php artisan queue:work`.
type laravelProgram struct {
	config protocol.Config
	log    func(format string, arguments ...any)
	facts  atomic.Pointer[laravel.Facts]
}

func newLaravelProgram(config protocol.Config, log func(string, ...any)) *laravelProgram {
	p := &laravelProgram{config: config, log: log}
	p.facts.Store(&laravel.Facts{})
	return p
}

// Ask asks all questions at the same time, because each starts PHP anew.
func (p *laravelProgram) Ask(run supervisor.Runner) supervisor.Facts {
	var answers [3]laravel.Answer
	questions := laravel.Questions(p.config.Command)
	var asking sync.WaitGroup
	for i, question := range questions {
		asking.Go(func() {
			output, code, err := run(question)
			answers[i] = laravel.Answer{Output: output, Code: code, Err: err}
		})
	}
	asking.Wait()
	facts := laravel.Read(laravel.Answers{Modules: answers[0], Help: answers[1], Version: answers[2]}, p.config.Command)
	p.facts.Store(&facts)
	if facts.Known {
		p.log("found Laravel %s, pcntl: %t, output: %s", facts.Version, facts.Pcntl, facts.Dialect())
	} else {
		p.log("could not find out what the worker can do (%s); it is asked again after its first process has ended", complaint(questions, answers))
	}
	return p.supervised(facts)
}

// Inspect boots the application once, while the first worker runs.
func (p *laravelProgram) Inspect(run supervisor.Runner) ([]protocol.Finding, bool) {
	output, code, err := run(laravel.InspectionQuestion(p.config))
	inspection := laravel.ReadInspection(laravel.Answer{Output: output, Code: code, Err: err})
	findings := laravel.Findings(p.config, *p.facts.Load(), inspection)
	for _, finding := range findings {
		if !finding.OK {
			p.log("preflight: %s: %s", finding.Kind, finding.Message)
		}
	}
	return findings, inspection != nil
}

// complaint names the question that was not answered, and why.
func complaint(questions [3][]string, answers [3]laravel.Answer) string {
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
func (p *laravelProgram) supervised(facts laravel.Facts) supervisor.Facts {
	pcntl := facts.Pcntl || !facts.Known
	out := supervisor.Facts{
		Final: facts.Known, Signals: pcntl, ShellWrapped: facts.ShellWrapped, Version: facts.Version,
		OwnTimeout: pcntl, OwnMaxJobs: !facts.Known || facts.Has("max-jobs"), OwnMaxTime: !facts.Known || facts.Has("max-time"),
		Dialect: facts.Dialect(), Inspectable: facts.Known,
	}
	if !pcntl {
		out.LifeLimit = laravel.MaxTimeWithoutPcntl
	}
	return out
}

func (p *laravelProgram) Command(maxTime time.Duration) []string {
	return laravel.Command(p.config, *p.facts.Load(), maxTime)
}

func (p *laravelProgram) Reading() supervisor.Reading {
	var parser dialect.Parser
	switch p.facts.Load().Dialect() {
	case dialect.JSON:
		parser = &dialect.JSONParser{}
	case dialect.Text:
		parser = &dialect.TextParser{Verbose: p.config.Verbose}
	default:
		parser = &dialect.BracketParser{}
	}
	return supervisor.Reading{Parser: parser}
}
