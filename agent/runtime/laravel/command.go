// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package laravel

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"queueworker.dev/queueworker/api/protocol"
)

// MaxTimeWithoutPcntl is how long a worker without pcntl runs. It cannot be asked to
// stop, so the agent retires it by not starting it again.
const MaxTimeWithoutPcntl = 30 * time.Second

// Command builds the command of one process. It omits options that the installed version
// does not know. Before these are known, it uses the options that every version since 8
// has. A maxTime of 0 means no limit.
func Command(config protocol.Config, facts Facts, maxTime time.Duration) []string {
	command := slices.Concat(config.Command, []string{
		"php", "-d", "memory_limit=" + strconv.FormatInt(config.HeapLimitBytes, 10), "artisan", "queue:work",
	})
	if config.Connection != "" {
		command = append(command, config.Connection)
	}
	for _, o := range options(config, facts, maxTime) {
		if o.wanted && (o.known(facts)) {
			command = append(command, o.text())
		}
	}
	if config.Verbose {
		command = append(command, "-v")
	}
	return command
}

// option is one option of queue:work. Basic options exist since Laravel 8.
type option struct {
	name   string
	value  string // empty for a switch
	wanted bool
	basic  bool
}

func (o option) known(facts Facts) bool {
	if !facts.Known {
		return o.basic
	}
	return facts.Has(o.name)
}

func (o option) text() string {
	if o.value == "" {
		return "--" + o.name
	}
	return "--" + o.name + "=" + o.value
}

func options(config protocol.Config, facts Facts, maxTime time.Duration) []option {
	if facts.Known && !facts.Pcntl && (maxTime == 0 || maxTime > MaxTimeWithoutPcntl) {
		maxTime = MaxTimeWithoutPcntl
	}
	delay := ""
	if len(config.BackoffSeconds) > 0 {
		delay = strconv.FormatInt(config.BackoffSeconds[0], 10)
	}
	return []option{
		{name: "queue", value: config.Queue, wanted: config.Queue != "", basic: true},
		{name: "timeout", value: strconv.FormatInt(config.TimeoutSeconds, 10), wanted: true, basic: true},
		{name: "memory", value: strconv.FormatInt(max(config.MemoryBytes>>20, 1), 10), wanted: true, basic: true},
		{name: "sleep", value: seconds(config.SleepMilliseconds), wanted: true, basic: true},
		{name: "tries", value: strconv.FormatInt(int64(config.Tries), 10), wanted: true, basic: true},
		{name: "backoff", value: join(config.BackoffSeconds), wanted: delay != "", basic: true},
		// Before Laravel 8 the first wait applied to every retry.
		{name: "delay", value: delay, wanted: delay != "" && facts.Known && !facts.Has("backoff")},
		{name: "max-jobs", value: strconv.FormatInt(int64(config.MaxJobs), 10), wanted: config.MaxJobs > 0 && config.Recycle != protocol.RecyclePod, basic: true},
		{name: "max-time", value: strconv.FormatInt(int64(maxTime/time.Second), 10), wanted: maxTime > 0, basic: true},
		{name: "rest", value: seconds(config.RestMilliseconds), wanted: config.RestMilliseconds > 0},
		{name: "stop-when-empty", wanted: config.StopWhenEmpty, basic: true},
		{name: "force", wanted: config.Force, basic: true},
		{name: "json", wanted: true},
	}
}

// seconds formats milliseconds as seconds, without a fraction if it is zero.
func seconds(milliseconds int64) string {
	return strconv.FormatFloat(float64(milliseconds)/1000, 'f', -1, 64)
}

func join(numbers []int64) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(words, ",")
}
