// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package horizon_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"queueworker.dev/queueworker/plugin/importing/horizon"
	"queueworker.dev/queueworker/plugin/importing/manifest"
)

// repeat repeats a text that contains a number, with the numbers 0 to n-1.
func repeat(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestShortFilesAskForLittle has short files that need much more than their size. Each is
// imported with little memory, or refused with its line and the bound.
func TestShortFilesAskForLittle(t *testing.T) {
	const start, end = "return ['environments' => ['production' => [\n", "]]];"
	long := "$s = '" + strings.Repeat("a", 60_000) + "';\n"
	for name, tc := range map[string]struct {
		source string
		// want is a part of the error; empty if the file is imported.
		want string
	}{
		"many queues":               {start + "'a' => ['balance' => 'auto', 'queue' => explode(',', '" + repeat("q%d,", 20_000) + "')]" + end, "line 3: the import needs more than 2000000 steps"},
		"notes for all queues":      {start + "'a' => ['balance' => 'auto', 'queue' => explode(',', '" + repeat("q%d,", 3000) + "')," + repeat("'o%d' => 1,", 3000) + "]" + end, "line 3: the import needs more than 2000000 steps"},
		"many supervisors":          {start + repeat("'a%d' => ['queue' => 'q'],\n", 10_000) + end, "more than 2000000 steps"},
		"one text in all":           {long + start + repeat("'a%d' => ['queue' => $s, 'connection' => $s],\n", 1000) + end, "more than 67108864 bytes"},
		"one key in all":            {long + start + repeat("'a%d' => [$s => 1],\n", 2000) + end, "more than 67108864 bytes"},
		"one reason in all":         {"$s = f" + strings.Repeat("a", 60_000) + "();\n" + start + repeat("'a%d' => $s,\n", 3000) + end, "more than 67108864 bytes"},
		"a pattern of stars":        {"return ['environments' => ['" + strings.Repeat("*p", 300_000) + "' => ['a' => ['queue' => 'q']]]];", "has no environment production"},
		"brackets in a condition":   {"if (" + strings.Repeat("(", 300_000) + "1" + strings.Repeat(")", 300_000) + ") { $a = 1; }\n" + start + "'a' => ['queue' => 'q']" + end, ""},
		"nots in a condition":       {"if (" + strings.Repeat("!", 900_000) + "1) { $a = 1; }\n" + start + "'a' => ['queue' => 'q']" + end, ""},
		"blocks in blocks":          {strings.Repeat("if (1) {", 100_000) + strings.Repeat("}", 100_000) + "\n" + start + "'a' => ['queue' => 'q']" + end, ""},
		"a list as large as a file": {start + "'a' => ['queue' => 'q', 'x' => [" + strings.Repeat("1,", 100_000) + "]]" + end, ""},
		"a list that is too large":  {start + "'a' => ['queue' => 'q', 'x' => [" + strings.Repeat("1,", 400_000) + "]]" + end, "line 3: the import needs more than 67108864 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			const maxAllocated = 1 << 30 // the tree of a file of 800 KB takes half of it
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			draft, err := horizon.Import(horizon.Input{File: "horizon.php", Source: []byte("<?php\n" + tc.source), Environment: "production"})
			if err == nil {
				_, err = manifest.Write(manifest.Assemble(draft, manifest.Settings{Images: map[string]string{"": "app:1"}}))
			}
			runtime.ReadMemStats(&after)
			allocated := after.TotalAlloc - before.TotalAlloc
			if allocated > maxAllocated {
				t.Errorf("importing %d bytes allocates %d MiB, want at most %d", len(tc.source), allocated>>20, maxAllocated>>20)
			}
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || !strings.HasPrefix(err.Error(), "horizon.php")) {
				t.Errorf("it says %.300v, want %q in it", err, tc.want)
			}
		})
	}
}
