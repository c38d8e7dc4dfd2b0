// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/agent/dialect"
)

var update = flag.Bool("update", false, "rewrite the golden files of testdata")

var examplePatterns = dialect.Expressions{
	Started:  `^\[(?P<id>\w+)\] start (?P<class>\w+)`,
	Done:     `^\[(?P<id>\w+)\] done (?P<class>\w+) in (?P<milliseconds>[0-9.]+) ms`,
	Failed:   `^\[(?P<id>\w+)\] failed (?P<class>\w+)`,
	Released: `^\[(?P<id>\w+)\] retry (?P<class>\w+)`,
}

func examplePatternParser(t testing.TB) *dialect.PatternParser {
	parser, err := dialect.NewPatternParser(examplePatterns)
	if err != nil {
		t.Fatal(err)
	}
	return parser
}

// TestTranscripts reads the output of real workers. brackets.txt and json.txt are
// recorded: a queue with every kind of job, worked by Laravel 8.83 and by the same worker
// with the JSON lines of 11.27.
func TestTranscripts(t *testing.T) {
	tests := map[string]struct {
		parser     dialect.Parser
		concurrent bool
	}{
		"brackets":         {parser: &dialect.BracketParser{}},
		"brackets-colours": {parser: &dialect.BracketParser{}},
		"brackets-odd":     {parser: &dialect.BracketParser{}},
		"text":             {parser: &dialect.TextParser{}},
		"text-verbose":     {parser: &dialect.TextParser{Verbose: true}},
		"text-colours":     {parser: &dialect.TextParser{}},
		"json":             {parser: &dialect.JSONParser{}},
		"json-odd":         {parser: &dialect.JSONParser{}},
		"patterns":         {parser: examplePatternParser(t), concurrent: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			transcript, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			got := replay(transcript, tc.parser, dialect.NewLedger(tc.concurrent))
			golden := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("events and counts differ (-want +got):\n%s", diff)
			}
		})
	}
}

// replay records each event and the final counts. Lines are one second apart.
func replay(transcript []byte, parser dialect.Parser, ledger *dialect.Ledger) string {
	var out strings.Builder
	now := time.Unix(0, 0).UTC()
	for line := range bytes.Lines(transcript) {
		now = now.Add(time.Second)
		var event dialect.Event
		if !parser.Parse(bytes.TrimRight(line, "\n"), &event) {
			continue
		}
		ledger.Apply(&event, now)
		fmt.Fprintf(&out, "%-9s class=%q id=%q attempt=%d queue=%q", event.Kind, event.Class, event.ID, event.Attempt, event.Queue)
		if event.Duration >= 0 {
			fmt.Fprintf(&out, " took=%s", event.Duration)
		}
		if len(event.Exception) > 0 {
			fmt.Fprintf(&out, " threw=%q", event.Exception)
		}
		out.WriteByte('\n')
	}
	tally := ledger.Take()
	fmt.Fprintf(&out, "started=%d processed=%d failed=%d released=%d spent=%s open=%d last=%q\n",
		tally.Started, tally.Processed, tally.Failed, tally.Released, tally.Spent, tally.OpenCount, tally.Last.Class)
	if tally.Open != nil {
		fmt.Fprintf(&out, "open class=%q id=%q since=%s\n", tally.Open.Class, tally.Open.ID, tally.Open.Since.Format("05s"))
	}
	return out.String()
}
