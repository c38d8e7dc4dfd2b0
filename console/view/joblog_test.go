// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJobLog(t *testing.T) {
	tests := map[string]struct {
		id    string
		alone bool
		lines []string
		want  []string
	}{
		"brackets, with what is printed in between": {
			id: "B", alone: true,
			lines: []string{
				"[2026-11-23 15:26:32][A] Processing: J", "of A", "[2026-11-23 15:26:32][A] Processed:  J",
				"[2026-11-23 15:26:33][B] Processing: J", "of B", "[2026-11-23 15:26:33][B] Failed:     J", "of none",
			},
			want: []string{"[2026-11-23 15:26:33][B] Processing: J", "of B", "[2026-11-23 15:26:33][B] Failed:     J"},
		},
		"several processes share the log": {
			id:    "B",
			lines: []string{"[2026-11-23 15:26:33][B] Processing: J", "of somebody", "[2026-11-23 15:26:33][B] Processed:  J"},
			want:  []string{"[2026-11-23 15:26:33][B] Processing: J", "[2026-11-23 15:26:33][B] Processed:  J"},
		},
		"killed: another begins": {
			id: "A", alone: true,
			lines: []string{"[2026-11-23 15:26:32][A] Processing: J", "last words", "[2026-11-23 15:26:33][B] Processing: J", "of B"},
			want:  []string{"[2026-11-23 15:26:32][A] Processing: J", "last words"},
		},
		"verbose text, coloured": {
			id: "5", alone: true,
			lines: []string{
				"  2026-11-23 10:08:17 \x1b[33mApp\\Jobs\\Failing 5 database emails\x1b[0m ......... RUNNING", "5 in words",
				"  2026-11-23 10:08:17 App\\Jobs\\Failing 5 database emails ......... 2.43ms 28MB FAIL",
				"  2026-11-23 10:08:18 App\\Jobs\\Slow 6 database emails ............................ RUNNING",
			},
			want: []string{
				"  2026-11-23 10:08:17 \x1b[33mApp\\Jobs\\Failing 5 database emails\x1b[0m ......... RUNNING", "5 in words",
				"  2026-11-23 10:08:17 App\\Jobs\\Failing 5 database emails ......... 2.43ms 28MB FAIL",
			},
		},
		"json, by its number": {
			id: "7", alone: true,
			lines: []string{`{"level":"info","id":7,"uuid":"u","job":"J","status":"starting"}`, `behind output{"level":"info","id":7,"uuid":"u","job":"J","status":"success"}`, `{"level":"info","id":8,"uuid":"v","job":"J","status":"starting"}`},
			want:  []string{`{"level":"info","id":7,"uuid":"u","job":"J","status":"starting"}`, `behind output{"level":"info","id":7,"uuid":"u","job":"J","status":"success"}`},
		},
		"no ids": {id: "A", alone: true, lines: []string{"Processing J", `{"level":"info"`, "A"}, want: nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			finder := NewJobLog(tt.id, tt.alone)
			var got []string
			for _, line := range tt.lines {
				if finder.Keep(line) {
					got = append(got, line)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("lines differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestJobLogReadsLaravelsJSON reads the output of a real Laravel with --json.
func TestJobLogReadsLaravelsJSON(t *testing.T) {
	data, err := os.ReadFile("../../agent/dialect/testdata/json.txt")
	if err != nil {
		t.Fatal(err)
	}
	const uuid = "5b027a71-d26c-4af0-8a42-808b86bce054" // released once, so it has two attempts
	finder := NewJobLog(uuid, true)
	kept := 0
	for line := range strings.Lines(string(data)) {
		if finder.Keep(strings.TrimRight(line, "\n")) {
			kept++
			if !strings.Contains(line, uuid) {
				t.Errorf("kept a line of another job: %s", line)
			}
		}
	}
	if kept != 4 {
		t.Errorf("kept %d lines, want 4", kept)
	}
}
