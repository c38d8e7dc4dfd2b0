// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package artisan finds `php artisan queue:work` in a command line, whatever stands
// around it: another PHP binary and its settings, env, sudo, nice, a shell and its
// script, docker exec. It executes nothing.
package artisan

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	shellquote "github.com/kballard/go-shellquote"

	"queueworker.dev/queueworker/plugin/importing/budget"
	"queueworker.dev/queueworker/plugin/importing/flags"
)

// Variable is a variable of the worker's environment.
type Variable struct{ Name, Value string }

// Remark says why a part of the command was not carried over.
type Remark struct {
	Subject string
	Why     string
	Warning bool
}

// Worker is a queue worker as a command line starts it.
type Worker struct {
	// Directory is the application's directory; empty if the command does not name it.
	Directory string
	// User is the user that the worker runs as; empty if the command does not name one.
	User string
	// Environment are the variables that the command sets.
	Environment []Variable
	// MemoryLimit is PHP's memory_limit as the command sets it; empty if it does not.
	MemoryLimit string
	// Listen is true for queue:listen.
	Listen bool
	// Connection is the connection argument; empty if there is none.
	Connection string
	Options    []flags.Option
	Remarks    []Remark
}

// NotAWorkerError says that a command is no queue worker.
type NotAWorkerError struct {
	// What says what the command is and what to do about it.
	What string
}

func (e *NotAWorkerError) Error() string { return e.What }

// ErrSyntax is the error for a command line that cannot be split into words.
var ErrSyntax = errors.New("the command cannot be read")

// maxWrappers is how many programs may stand around a worker; no real command has more.
const maxWrappers = 20

// maxCommand is the maximum number of bytes of a command. Linux starts no program with a
// longer argument.
const maxCommand = 128 << 10

// wordSize is how many bytes are paid for each byte of a command, because its words take
// more memory than its text.
const wordSize = 8

// parser takes a command apart, beginning with its first word.
type parser struct {
	left     *budget.Budget
	worker   Worker
	words    []string
	wrappers int
}

// Parse finds the worker that a command starts in a directory. environment holds the
// values of variables in a shell's script. Parse pays from left; if that is not enough,
// the error is a *budget.ExceededError.
func Parse(command, directory string, environment []Variable, left *budget.Budget) (Worker, error) {
	if err := payText(left, command); err != nil {
		return Worker{}, err
	}
	words, err := shellquote.Split(command)
	if err != nil {
		return Worker{}, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	p := &parser{left: left, worker: Worker{Directory: directory, Environment: slices.Clone(environment)}, words: words}
	if err := p.run(); err != nil {
		return Worker{}, err
	}
	p.worker.Environment = p.worker.Environment[len(environment):]
	return p.worker, nil
}

// payText pays for the words of a command or a script.
func payText(left *budget.Budget, text string) error {
	if len(text) > maxCommand {
		return &NotAWorkerError{What: fmt.Sprintf("its command has more than %d bytes, and Linux starts none that is longer", maxCommand)}
	}
	return left.Bytes(wordSize * len(text))
}

func (p *parser) remark(warning bool, subject, why string) {
	p.worker.Remarks = append(p.worker.Remarks, Remark{Subject: subject, Why: why, Warning: warning})
}

// phpName matches the name of a PHP binary: php, php8.2, php-8.2, ea-php82, lsphp.
var phpName = regexp.MustCompile(`^(ea-|alt-|ls)?php[-_]?[0-9.]*(-?cli)?$`)

// run removes wrappers until php or artisan is the first word.
func (p *parser) run() error {
	for {
		if len(p.words) == 0 {
			return &NotAWorkerError{What: "it runs nothing"}
		}
		name := path.Base(p.words[0])
		switch {
		case name == "artisan":
			return p.artisan()
		case phpName.MatchString(name):
			return p.php()
		}
		wrapper, known := wrappers[name]
		if !known {
			return p.other(name)
		}
		if p.wrappers++; p.wrappers > maxWrappers {
			return &NotAWorkerError{What: "too many programs wrap it"}
		}
		done, err := wrapper(p)
		if err != nil || done {
			return err
		}
	}
}

// other looks for a worker among the arguments of an unknown program.
func (p *parser) other(name string) error {
	last := len(p.words) - 1 // the last word that is artisan, before which a php may run it
	for last >= 0 && !isArtisan(p.words[last]) {
		last--
	}
	for i := 1; i <= last && i+1 < len(p.words); i++ {
		base := path.Base(p.words[i])
		if base == "artisan" || phpName.MatchString(base) {
			p.remark(true, strings.Join(p.words[:i], " "), "the import does not know what it does; if the image has it and workers need it, make it the command of the container in the QueueApp's template")
			p.words = p.words[i:]
			return p.run()
		}
	}
	return &NotAWorkerError{What: "its command is no queue worker: " + name}
}

func isArtisan(word string) bool { return path.Base(word) == "artisan" }

// php reads PHP's own options, up to the script.
func (p *parser) php() error {
	binary := p.words[0]
	p.words = p.words[1:]
	if name := path.Base(binary); name != "php" {
		p.remark(false, binary, "the php of the image runs the workers")
	}
	for len(p.words) > 0 && strings.HasPrefix(p.words[0], "-") {
		p.phpOption()
	}
	switch {
	case len(p.words) == 0:
		return &NotAWorkerError{What: "it runs php without a script"}
	case !isArtisan(p.words[0]):
		return &NotAWorkerError{What: "it runs the PHP script " + p.words[0] + ", which is not Laravel's artisan"}
	}
	return p.artisan()
}

// phpOption removes one option of PHP: -d key=value, -dkey=value, -c file, -q.
func (p *parser) phpOption() {
	before := p.words
	name, value := p.phpWord()
	switch name {
	case "-f", "--file":
		// The next word is the script, as it is without -f.
		if value != "" {
			before[0] = value
			p.words = before
		}
	case "-d", "--define":
		if limit, ok := strings.CutPrefix(value, "memory_limit="); ok {
			p.worker.MemoryLimit = limit
			return
		}
		p.remark(true, "-d "+value, "put it into the php.ini of the image")
	case "-q":
	default:
		p.remark(true, strings.TrimSpace(name+" "+value), "the image's own php.ini counts")
	}
}

// phpWord removes an option of PHP, with its value.
func (p *parser) phpWord() (name, value string) {
	name = p.words[0]
	p.words = p.words[1:]
	switch {
	case strings.HasPrefix(name, "--"):
		name, value, _ = strings.Cut(name, "=")
	case len(name) > 2:
		name, value = name[:2], strings.TrimPrefix(name[2:], "=")
	}
	takesValue := slices.Contains([]string{"-d", "-c", "-z", "--define", "--php-ini"}, name)
	if value == "" && takesValue && len(p.words) > 0 {
		value, p.words = p.words[0], p.words[1:]
	}
	return name, value
}

// artisan reads the words after the script.
func (p *parser) artisan() error {
	if directory := path.Dir(p.words[0]); path.IsAbs(directory) || p.worker.Directory == "" && directory != "." {
		p.worker.Directory = directory
	} else if directory != "." {
		p.worker.Directory = path.Join(p.worker.Directory, directory)
	}
	words := p.words[1:]
	at := slices.IndexFunc(words, func(word string) bool { return !strings.HasPrefix(word, "-") })
	if at < 0 {
		return &NotAWorkerError{What: "it runs artisan without a command"}
	}
	switch words[at] {
	case "queue:work":
	case "queue:listen":
		p.worker.Listen = true
	default:
		return &NotAWorkerError{What: otherCommand(words[at])}
	}
	p.options(slices.Concat(words[:at], words[at+1:]))
	return nil
}

// otherCommand says what to do about another artisan command.
func otherCommand(name string) string {
	what := "it runs artisan " + name
	switch {
	case name == "horizon" || strings.HasPrefix(name, "horizon:"):
		return what + "; import its workers with: kubectl queueworker import horizon config/horizon.php"
	case strings.HasPrefix(name, "schedule:"):
		return what + ", the scheduler; run `artisan schedule:run` as a CronJob every minute"
	case name == "octane:start" || name == "serve" || strings.HasPrefix(name, "reverb:") || strings.HasPrefix(name, "websockets:"):
		return what + ", a server; run it as a Deployment with a Service"
	case strings.HasPrefix(name, "pulse:") || strings.HasPrefix(name, "nightwatch:"):
		return what + ", which is no queue worker; run it as a Deployment"
	}
	return what + ", which is no queue worker"
}
