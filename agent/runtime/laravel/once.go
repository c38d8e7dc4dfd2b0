// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package laravel

import (
	"bytes"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/agent/oneoff"
	"queueworker.dev/queueworker/api/protocol"
)

// OneOff returns how to carry out a one-off command. It asks PHP whether a worker handles
// SIGTERM, so the caller must not reap children yet.
func OneOff(command protocol.Command) oneoff.Command {
	return oneoff.Command{
		Steps: Steps(command), Failure: Failure(command.Action),
		Gentle: command.Action != protocol.ActionOnce || hasPcntl(command.Worker.Command),
	}
}

// hasPcntl reports whether a worker handles SIGTERM. If PHP does not answer, hasPcntl
// returns true, because Laravel's worker images have pcntl and the command will show
// PHP's error anyway.
func hasPcntl(wrapper []string) bool {
	question := Questions(wrapper)[0]
	modules, err := exec.Command(question[0], question[1:]...).Output()
	return err != nil || bytes.Contains(modules, []byte("\npcntl\n"))
}

// Steps returns the commands that carry out a one-off command, one after the other. They
// ask no questions and print no colours.
func Steps(command protocol.Command) [][]string {
	artisan := func(arguments ...string) []string {
		return slices.Concat(command.Worker.Command, []string{
			"php", "-d", "memory_limit=" + strconv.FormatInt(command.Worker.HeapLimitBytes, 10), "artisan",
		}, arguments, []string{"--no-ansi", "--no-interaction"})
	}
	switch command.Action {
	case protocol.ActionRetryFailed:
		return [][]string{artisan(append([]string{"queue:retry"}, retried(command)...)...)}
	case protocol.ActionForgetFailed:
		// queue:forget accepts only one id.
		var steps [][]string
		for _, id := range command.IDs {
			steps = append(steps, artisan("queue:forget", id))
		}
		return steps
	case protocol.ActionFlushFailed:
		flush := []string{"queue:flush"}
		if command.Hours > 0 {
			flush = append(flush, "--hours="+strconv.FormatInt(int64(command.Hours), 10))
		}
		return [][]string{artisan(flush...)}
	case protocol.ActionClearQueue:
		clearing := []string{"queue:clear"}
		if name := command.Worker.Connection; name != "" {
			clearing = append(clearing, name)
		}
		return [][]string{artisan(append(clearing, "--queue="+command.Queue, "--force")...)}
	case protocol.ActionOnce:
		return [][]string{once(command.Worker)}
	}
	return nil
}

// retried returns the arguments that select the failed jobs to retry.
func retried(command protocol.Command) []string {
	switch {
	case command.All && command.Queue != "":
		return []string{"--queue=" + command.Queue}
	case command.All:
		return []string{"all"}
	}
	return command.IDs
}

// once returns the command of a worker that runs one job. It does not use --once, with
// which a worker ignores both its timeout and SIGTERM.
func once(config protocol.Config) []string {
	config.MaxJobs, config.Verbose = 1, true
	config.Recycle, config.StopWhenEmpty = "", false // in a pool's pod, the agent may count jobs
	return append(Command(config, Facts{}, 0), "--stop-when-empty", "--no-ansi", "--no-interaction")
}

// missing are the messages of artisan about a failed job that does not exist. Some
// versions exit with code 0 then.
var missing = []string{"Unable to find failed job with ID", "No failed job matches the given ID"}

// Failure returns a function that reports whether a printed line means that the command
// has failed although its exit code is 0. A worker exits with 0 whatever became of its
// job.
func Failure(action string) func(line string) bool {
	if action != protocol.ActionOnce {
		return notFound
	}
	parsers := []dialect.Parser{&dialect.BracketParser{}, &dialect.TextParser{Verbose: true}, &dialect.JSONParser{}}
	return func(line string) bool {
		var event dialect.Event
		for _, parser := range parsers {
			if parser.Parse([]byte(line), &event) {
				return event.Kind == dialect.Failed
			}
		}
		return false
	}
}

// notFound reports whether a line says that a failed job does not exist.
func notFound(line string) bool {
	return slices.ContainsFunc(missing, func(text string) bool { return strings.Contains(line, text) })
}
