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

// BenchmarkLines measures how many lines of transcripts are parsed and counted per
// second.
func BenchmarkLines(b *testing.B) {
	benchmarks := map[string]struct {
		parser     dialect.Parser
		concurrent bool
	}{
		"json":     {parser: &dialect.JSONParser{}},
		"text":     {parser: &dialect.TextParser{}},
		"brackets": {parser: &dialect.BracketParser{}},
		"patterns": {parser: examplePatternParser(b), concurrent: true},
	}
	for name, bc := range benchmarks {
		b.Run(name, func(b *testing.B) {
			content, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
			if err != nil {
				b.Fatal(err)
			}
			lines := bytes.Split(bytes.TrimRight(content, "\n"), []byte("\n"))
			ledger := dialect.NewLedger(bc.concurrent)
			now := time.Unix(1000, 0)
			var event dialect.Event
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if bc.parser.Parse(lines[i%len(lines)], &event) {
					ledger.Apply(&event, now)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
		})
	}
}
