// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package artisan

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"queueworker.dev/queueworker/plugin/importing/flags"
)

const (
	// maxScript is the maximum number of bytes of a script.
	maxScript = 64 << 10
	// maxNesting is the maximum number of brackets that are open at once in a script. The
	// parser library calls itself for each, and a full stack would end the process.
	maxNesting = 200
)

// maxVariable is the maximum number of bytes in a variable of a script.
const maxVariable = 64 << 10

// scripted reads a shell's script, one command after the other.
type scripted struct {
	parser *parser
	found  bool
	// first says why the first command that is no worker is none, in case there is no
	// worker at all.
	first error
}

// script finds the worker in a shell's script such as cd /app && exec php artisan
// queue:work >> log. It reads only sequences of commands and the body of a loop, but no
// conditions.
func (p *parser) script(text string) error {
	if p.wrappers++; p.wrappers > maxWrappers {
		return &NotAWorkerError{What: "too many programs wrap it"}
	}
	if err := payText(p.left, text); err != nil {
		return err
	}
	if err := checkScript(text); err != nil {
		return err
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(text), "")
	if err != nil {
		// The script may be for a shell with its own syntax, such as zsh.
		return &NotAWorkerError{What: "its script cannot be read: " + err.Error()}
	}
	s := &scripted{parser: p}
	if err := s.statements(file.Stmts); err != nil {
		return err
	}
	if s.found {
		return nil
	}
	if s.first != nil {
		return s.first
	}
	return &NotAWorkerError{What: "its script runs no queue worker"}
}

// checkScript refuses scripts that are too large or too deep for the parser library.
func checkScript(text string) error {
	if len(text) > maxScript {
		return &NotAWorkerError{What: fmt.Sprintf("its script has more than %d bytes; give import the command that runs the worker", maxScript)}
	}
	open := 0
	for i := range len(text) {
		switch text[i] {
		case '(', '{':
			open++
		case ')', '}':
			open = max(open-1, 0)
		}
		if open > maxNesting {
			return &NotAWorkerError{What: fmt.Sprintf("more than %d brackets are open in its script at once; give import the command that runs the worker", maxNesting)}
		}
	}
	return nil
}

func (s *scripted) statements(list []*syntax.Stmt) error {
	for _, statement := range list {
		if err := s.statement(statement); err != nil {
			return err
		}
	}
	return nil
}

func (s *scripted) statement(statement *syntax.Stmt) error {
	if len(statement.Redirs) > 0 {
		s.parser.remark(false, "redirected output", "the output of a worker is the log of its container")
	}
	switch command := statement.Cmd.(type) {
	case *syntax.CallExpr:
		return s.call(command)
	case *syntax.DeclClause:
		return s.declare(command)
	case *syntax.Block:
		return s.statements(command.Stmts)
	case *syntax.Subshell:
		return s.statements(command.Stmts)
	case *syntax.WhileClause:
		s.parser.remark(false, "a loop around the worker", "the agent starts it again")
		return s.statements(command.Do)
	case *syntax.BinaryCmd:
		if err := s.statement(command.X); err != nil {
			return err
		}
		if command.Op == syntax.Pipe || command.Op == syntax.PipeAll {
			s.parser.remark(false, "a pipe after the worker", "the output of a worker is the log of its container")
			return nil
		}
		return s.statement(command.Y)
	}
	return &NotAWorkerError{What: "its script does more than run commands one after the other; write the command that runs the worker into command="}
}

// notSet is the name of a variable that no script can set.
const notSet = "not set"

// defaults applies the default of ${X:-default} if the value of X is unknown.
func (s *scripted) defaults(word *syntax.Word) {
	syntax.Walk(word, func(node syntax.Node) bool {
		expansion, ok := node.(*syntax.ParamExp)
		if !ok || expansion.Exp == nil || expansion.Param == nil || expansion.Exp.Op != syntax.DefaultUnset && expansion.Exp.Op != syntax.DefaultUnsetOrNull {
			return true
		}
		name := expansion.Param.Value
		if s.parser.variable(name) == unknownVariable(name) {
			s.parser.remark(false, "${"+name+"}", "the script's default for it counts; give another with --env "+name+"=...")
			expansion.Param = &syntax.Lit{Value: notSet}
		}
		return true
	})
}

// variable returns the value of a variable, or a mark if the value is unknown.
func (p *parser) variable(name string) string {
	for _, v := range slices.Backward(p.worker.Environment) {
		if v.Name == name {
			return v.Value
		}
	}
	switch name {
	case "IFS":
		return " \t\n"
	case notSet:
		return ""
	}
	return unknownVariable(name)
}

func unknownVariable(name string) string { return flags.MarkUnknown("ENV_" + name) }

func (s *scripted) set(assignments []*syntax.Assign) error {
	for _, assignment := range assignments {
		if assignment.Name == nil || assignment.Value == nil {
			continue
		}
		words, err := s.words([]*syntax.Word{assignment.Value})
		if err != nil {
			return err
		}
		value := strings.Join(words, " ")
		if len(value) > maxVariable {
			return &NotAWorkerError{What: "its script makes the variable " + assignment.Name.Value + " too long"}
		}
		s.parser.worker.Environment = append(s.parser.worker.Environment, Variable{Name: assignment.Name.Value, Value: value})
	}
	return nil
}

func (s *scripted) declare(clause *syntax.DeclClause) error { return s.set(clause.Args) }

// preparation are commands that only prepare the shell.
var preparation = []string{"set", "ulimit", "umask", "echo", "true", ":", "wait", "trap", "shopt", "printf", "exit"}

func (s *scripted) call(call *syntax.CallExpr) error {
	if err := s.set(call.Assigns); err != nil {
		return err
	}
	words, err := s.words(call.Args)
	if err != nil || len(words) == 0 {
		return err
	}
	switch name := path.Base(words[0]); {
	case name == "cd" && len(words) > 1:
		return s.changeDirectory(words[1])
	case name == "source" || name == ".":
		s.parser.remark(true, strings.Join(words, " "), "the file is not read; give its variables as env")
	case name == "sleep":
		s.parser.remark(false, strings.Join(words, " "), "pods need no delay between them")
	case slices.Contains(preparation, name):
	default:
		return s.command(words)
	}
	return nil
}

func (s *scripted) changeDirectory(to string) error {
	worker := &s.parser.worker
	if err := s.parser.left.Bytes(wordSize * (len(worker.Directory) + len(to))); err != nil {
		return err
	}
	if !path.IsAbs(to) {
		to = path.Join(worker.Directory, to)
	}
	worker.Directory = to
	return nil
}

// command reads a command that may be the worker.
func (s *scripted) command(words []string) error {
	inner := &parser{left: s.parser.left, worker: s.parser.worker, words: words, wrappers: s.parser.wrappers}
	err := inner.run()
	var other *NotAWorkerError
	switch {
	case errors.As(err, &other):
		s.first = firstOf(s.first, err)
		s.parser.remark(true, strings.Join(words, " "), "the script also runs it; if the worker needs it, run it as an init container of the QueueApp's template")
		return nil
	case err != nil:
		return err
	case s.found:
		return &NotAWorkerError{What: "its script runs several queue workers; give each its own program"}
	}
	s.found = true
	s.parser.worker = inner.worker
	return nil
}

// firstOf returns the first error that is not nil.
func firstOf(first, second error) error {
	if first != nil {
		return first
	}
	return second
}
