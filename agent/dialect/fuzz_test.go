// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
)

// seed adds the lines of the transcripts, and each transcript as one line.
func seed(f *testing.F, transcripts string) {
	files, err := filepath.Glob(filepath.Join("testdata", transcripts))
	if err != nil || len(files) == 0 {
		f.Fatalf("no transcripts %s: %v", transcripts, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range bytes.Lines(content) {
			f.Add(bytes.TrimRight(line, "\n"))
		}
		f.Add(content)
	}
}

// check parses one line twice and checks what must hold for any output.
func check(t *testing.T, parser dialect.Parser, concurrent bool, line []byte) {
	t.Helper()
	before := bytes.Clone(line)
	ledger := dialect.NewLedger(concurrent)
	now := time.Unix(1000, 0)
	for range 2 {
		var event dialect.Event
		if !parser.Parse(line, &event) {
			continue
		}
		if event.Kind < dialect.Started || event.Kind > dialect.Released {
			t.Fatalf("an event of kind %d", event.Kind)
		}
		now = now.Add(time.Second)
		ledger.Apply(&event, now)
	}
	if !bytes.Equal(line, before) {
		t.Fatalf("the line was changed from %q to %q", before, line)
	}
	tally := ledger.Take()
	if ended := tally.Processed + tally.Failed + tally.Released; ended+int64(tally.OpenCount) != tally.Started {
		t.Fatalf("%d attempts started, %d ended and %d are open", tally.Started, ended, tally.OpenCount)
	}
	if tally.Spent < 0 {
		t.Fatalf("attempts took %s", tally.Spent)
	}
}

func FuzzBrackets(f *testing.F) {
	seed(f, "brackets*.txt")
	f.Fuzz(func(t *testing.T, line []byte) { check(t, &dialect.BracketParser{}, false, line) })
}

func FuzzText(f *testing.F) {
	seed(f, "text*.txt")
	f.Fuzz(func(t *testing.T, line []byte) {
		check(t, &dialect.TextParser{}, false, line)
		check(t, &dialect.TextParser{Verbose: true}, false, line)
	})
}

func FuzzJSON(f *testing.F) {
	seed(f, "json*.txt")
	f.Fuzz(func(t *testing.T, line []byte) { check(t, &dialect.JSONParser{}, false, line) })
}

func FuzzPatterns(f *testing.F) {
	seed(f, "patterns.txt")
	parser := examplePatternParser(f)
	f.Fuzz(func(t *testing.T, line []byte) { check(t, parser, true, line) })
}

// FuzzPatternSources compiles arbitrary expressions of a user.
func FuzzPatternSources(f *testing.F) {
	f.Add(examplePatterns.Started, examplePatterns.Done, "[a1] start SendMail")
	f.Add(`(?P<id`, `(`, "x")
	f.Add(`(?P<milliseconds>.*)`, `(?P<milliseconds>\d+)|x`, "x99999999999999999999")
	f.Fuzz(func(t *testing.T, started, done, line string) {
		parser, err := dialect.NewPatternParser(dialect.Expressions{Started: started, Done: done})
		if err != nil {
			return
		}
		check(t, parser, parser.Concurrent(), []byte(line))
	})
}
