// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package laravel_test

import (
	"slices"
	"strings"
	"testing"

	"queueworker.dev/queueworker/agent/runtime/laravel"
	"queueworker.dev/queueworker/api/protocol"
)

// recordedInspection is the output of inspect.php in the demo application, with
// LOG_CHANNEL=stderr.
const recordedInspection = `A provider that prints.
queueworker-inspection:{"memoryLimit":"201326592","posix":true,"connection":"redis","connections":["sync","database","redis"],"driver":"redis","blockFor":null,"retryAfter":90,"cacheStore":"redis","cacheDriver":"redis","logChannel":"stderr","logSinks":[{"channel":"stderr","driver":"monolog","handler":"Monolog\\Handler\\StreamHandler","stream":"php:\/\/stderr"}]}
bye
`

var inspectedConfig = protocol.Config{
	Connection: "redis", MemoryBytes: 128 << 20, HeapLimitBytes: 192 << 20, TimeoutSeconds: 60, GraceSeconds: 75,
}

func TestFindingsOfAGoodApplication(t *testing.T) {
	inspection := laravel.ReadInspection(laravel.Answer{Output: recordedInspection})
	if inspection == nil {
		t.Fatal("the inspection was not found")
	}
	facts := laravel.Facts{Known: true, Pcntl: true, Version: "8.83.26"}
	var kinds []string
	for _, finding := range laravel.Findings(inspectedConfig, facts, inspection) {
		kinds = append(kinds, finding.Kind)
		if !finding.OK {
			t.Errorf("%s: %s", finding.Kind, finding.Message)
		}
	}
	for _, kind := range protocol.FindingKinds {
		if kind != protocol.FindingUnwrapped && !slices.Contains(kinds, kind) {
			t.Errorf("nothing was found about %s", kind)
		}
	}
}

func TestFindingsNameCauseAndCure(t *testing.T) {
	seconds := func(n float64) *float64 { return &n }
	tests := map[string]struct {
		change  func(*protocol.Config, *laravel.Facts, *laravel.Inspection)
		kind    string
		message []string
	}{
		"no pcntl": {func(_ *protocol.Config, f *laravel.Facts, _ *laravel.Inspection) { f.Pcntl = false },
			protocol.FindingPcntl, []string{"lacks the pcntl extension", "docker-php-ext-install pcntl"}},
		"memory_limit off": {func(_ *protocol.Config, _ *laravel.Facts, i *laravel.Inspection) { i.MemoryLimit = "-1" },
			protocol.FindingMemory, []string{"switches PHP's memory_limit off", "192Mi"}},
		"memory_limit below memory": {func(_ *protocol.Config, _ *laravel.Facts, i *laravel.Inspection) { i.MemoryLimit = "64M" },
			protocol.FindingMemory, []string{"to 64M itself", "128Mi"}},
		"memory_limit above the container's room": {func(_ *protocol.Config, _ *laravel.Facts, i *laravel.Inspection) { i.MemoryLimit = "2G" },
			protocol.FindingMemory, []string{"to 2G itself", "192Mi", "raise spec.memory"}},
		"no such connection": {func(_ *protocol.Config, _ *laravel.Facts, i *laravel.Inspection) {
			i.Connection, i.Driver = "redsi", ""
		},
			protocol.FindingConnection, []string{`no connection "redsi"`, "sync, database, redis", "connection.name"}},
		"a connection without a queue": {func(_ *protocol.Config, _ *laravel.Facts, i *laravel.Inspection) { i.Driver = "sync" },
			protocol.FindingConnection, []string{"keeps no queue", "QUEUE_CONNECTION"}},
		"block_for 0": {func(_ *protocol.Config, _ *laravel.Facts, i *laravel.Inspection) { i.BlockFor = seconds(0) },
			protocol.FindingBlockFor, []string{"block_for is 0", "for ever", "null"}},
		"block_for as long as the grace period": {func(c *protocol.Config, _ *laravel.Facts, i *laravel.Inspection) {
			i.BlockFor, i.RetryAfter, c.TimeoutSeconds = seconds(70), nil, 0
		}, protocol.FindingBlockFor, []string{"block_for is 70s", "1m15s"}},
		"block_for as long as the timeout": {func(_ *protocol.Config, _ *laravel.Facts, i *laravel.Inspection) { i.BlockFor = seconds(60) },
			protocol.FindingBlockFor, []string{"block_for is 60s", "timeout of 60s"}},
		"retry_after too short": {func(_ *protocol.Config, _ *laravel.Facts, i *laravel.Inspection) { i.RetryAfter = seconds(60) },
			protocol.FindingRetryAfter, []string{"is 60s", "second worker", "config/queue.php"}},
		"no timeout": {func(c *protocol.Config, _ *laravel.Facts, _ *laravel.Inspection) { c.TimeoutSeconds = 0 },
			protocol.FindingRetryAfter, []string{"timeout is 0s", "90s"}},
		"a log file": {func(_ *protocol.Config, _ *laravel.Facts, i *laravel.Inspection) {
			i.LogChannel, i.LogSinks = "stack", []laravel.LogSink{{Driver: "daily", Stream: "/app/storage/logs/laravel.log"}}
		}, protocol.FindingLogs, []string{"/app/storage/logs/laravel.log", "LOG_CHANNEL=stderr"}},
		"no log": {func(_ *protocol.Config, _ *laravel.Facts, i *laravel.Inspection) {
			i.LogChannel, i.LogSinks = "null", []laravel.LogSink{{Driver: "monolog", Handler: `Monolog\Handler\NullHandler`}}
		}, protocol.FindingLogs, []string{"drops what is logged", "LOG_CHANNEL=stderr"}},
		"no log channel": {func(_ *protocol.Config, _ *laravel.Facts, i *laravel.Inspection) {
			i.LogChannel, i.LogSinks = "", nil
		}, protocol.FindingLogs, []string{"No log channel is set (LOG_CHANNEL is null or empty)", "LOG_CHANNEL=stderr"}},
		"a cache in files": {func(_ *protocol.Config, _ *laravel.Facts, i *laravel.Inspection) {
			i.CacheStore, i.CacheDriver = "file", "file"
		},
			protocol.FindingCache, []string{"each pod has for itself", "queue:restart"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			config, facts := inspectedConfig, laravel.Facts{Known: true, Pcntl: true}
			inspection := laravel.ReadInspection(laravel.Answer{Output: recordedInspection})
			tc.change(&config, &facts, inspection)
			for _, finding := range laravel.Findings(config, facts, inspection) {
				switch {
				case finding.OK && finding.Kind == tc.kind:
					t.Errorf("%s is well: %s", finding.Kind, finding.Message)
				case !finding.OK && finding.Kind != tc.kind:
					t.Errorf("%s too: %s", finding.Kind, finding.Message)
				case !finding.OK:
					for _, want := range tc.message {
						if !strings.Contains(finding.Message, want) {
							t.Errorf("the message %q lacks %q", finding.Message, want)
						}
					}
				}
				if n := len(finding.Message); n > 512 {
					t.Errorf("the message of %s has %d bytes", finding.Kind, n)
				}
			}
		})
	}
}

func TestLogsOfAStackAreSeenWhereOneOfThemIs(t *testing.T) {
	inspection := laravel.ReadInspection(laravel.Answer{Output: recordedInspection})
	inspection.LogSinks = append([]laravel.LogSink{{Driver: "single", Stream: "/app/storage/logs/laravel.log"}}, inspection.LogSinks...)
	for _, finding := range laravel.Findings(inspectedConfig, laravel.Facts{Known: true, Pcntl: true}, inspection) {
		if !finding.OK {
			t.Errorf("%s: %s", finding.Kind, finding.Message)
		}
	}
}

func TestAnApplicationThatDoesNotBootIsAFinding(t *testing.T) {
	inspection := laravel.ReadInspection(laravel.Answer{Output: "PHP Fatal error: no", Code: 255})
	findings := laravel.Findings(inspectedConfig, laravel.Facts{Known: true, Pcntl: true}, inspection)
	last := findings[len(findings)-1]
	if last.OK || last.Kind != protocol.FindingSettingsReadable || len(findings) != 3 {
		t.Errorf("found %+v", findings)
	}
	if findings := laravel.Findings(inspectedConfig, laravel.Facts{}, inspection); findings != nil {
		t.Errorf("without an answer to the first questions: %+v", findings)
	}
}

func TestTheInspectionGoesThroughTheWrapperWithTheWorkersMemory(t *testing.T) {
	config := inspectedConfig
	config.Command = []string{"env", "A=b"}
	question := laravel.InspectionQuestion(config)
	if !slices.Equal(question[:6], []string{"env", "A=b", "php", "-d", "memory_limit=201326592", "-r"}) || !slices.Equal(question[7:], []string{"--", "redis"}) {
		t.Errorf("asked %q", question)
	}
	if strings.Contains(question[6], "<?php") {
		t.Error("php -r takes no opening tag")
	}
}

func FuzzInspection(f *testing.F) {
	f.Add(recordedInspection)
	f.Add(`queueworker-inspection:{"memoryLimit":"99999999999999999999G"}`)
	f.Fuzz(func(t *testing.T, output string) {
		inspection := laravel.ReadInspection(laravel.Answer{Output: output})
		if findings := laravel.Findings(inspectedConfig, laravel.Facts{Known: true}, inspection); len(findings) < 3 {
			t.Fatalf("%+v", findings)
		}
	})
}
