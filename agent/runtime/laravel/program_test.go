// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package laravel_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/agent/runtime/laravel"
	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
)

func TestHowLaravelsWorkerEnds(t *testing.T) {
	for name, tc := range map[string]struct {
		code    int
		want    protocol.ExitReason
		message string
	}{
		"exit code 12":    {12, protocol.ExitMemory, "limit of 256Mi"},
		"without a cause": {0, protocol.ExitRestartRequested, "queue:restart"},
		"any other code":  {13, protocol.ExitCrashed, "exit code 13"},
	} {
		t.Run(name, func(t *testing.T) {
			settings := supervisor.Settings{Worker: laravel.Worker, MemoryBytes: 256 << 20}
			got := supervisor.Classify(supervisor.Ending{Settings: settings, Code: tc.code, Uptime: time.Hour, Jobs: 1})
			if got.Reason != tc.want || !strings.Contains(got.Message, tc.message) {
				t.Errorf("classified as %+v; want %s with %q", got, tc.want, tc.message)
			}
		})
	}
}

func TestTheInstalledVersionDecidesWhatIsReadAndKept(t *testing.T) {
	modules, help := recorded(t, "modules.txt"), recorded(t, "help-8.83.txt")
	for name, tc := range map[string]struct {
		modules, help string
		line          string
		want          supervisor.Facts // without Version and Findings
	}{
		"Laravel 8": {
			modules.Output, help.Output, "[2026-11-23 09:50:02][7] Processing: App\\Jobs\\Mail",
			supervisor.Facts{Final: true, Signals: true, OwnTimeout: true, OwnMaxJobs: true, OwnMaxTime: true, Dialect: dialect.Brackets, Inspectable: true},
		},
		"without pcntl": {
			"Core\n", help.Output, "[2026-11-23 09:50:02][7] Processing: App\\Jobs\\Mail",
			supervisor.Facts{
				Final: true, NoSignals: "NoPcntl", OwnMaxJobs: true, OwnMaxTime: true, Dialect: dialect.Brackets, Inspectable: true,
				LifeLimit: laravel.MaxTimeWithoutPcntl,
			},
		},
		"no answer": {
			"", "", "[2026-11-23 09:50:02][7] Processing: App\\Jobs\\Mail",
			supervisor.Facts{Signals: true, OwnTimeout: true, OwnMaxJobs: true, OwnMaxTime: true, Dialect: dialect.Brackets},
		},
	} {
		t.Run(name, func(t *testing.T) {
			program := laravel.New(protocol.Config{}, t.Logf)
			got := program.Ask(func(arguments []string) (string, int, error) {
				switch {
				case arguments[1] == "-m":
					return tc.modules, 0, nil
				case arguments[2] == "queue:work":
					return tc.help, 0, nil
				}
				return "", 1, nil
			})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
			var event dialect.Event
			if !program.Reading().Parser.Parse([]byte(tc.line), &event) || event.Kind != dialect.Started {
				t.Errorf("%q is not read", tc.line)
			}
		})
	}
}
