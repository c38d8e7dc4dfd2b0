// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package artisan_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"queueworker.dev/queueworker/plugin/importing/artisan"
	"queueworker.dev/queueworker/plugin/importing/budget"
)

// TestShortCommandsAskForLittle has short commands that need much more than their size.
// Each is read with little memory, or refused.
func TestShortCommandsAskForLittle(t *testing.T) {
	const worker = "; php artisan queue:work'"
	long := "sh -c 'A=" + strings.Repeat("a", 25_000) + "; B=\"" + strings.Repeat("a ", 5_000) + "\"; "
	for name, tc := range map[string]struct {
		command string
		// want is a part of the error; empty if the worker is found.
		want string
	}{
		"a variable in many words":    {long + "echo " + strings.Repeat("$A", 5_000) + worker, "more than 67108864 bytes"},
		"a variable of many words":    {long + "echo " + strings.Repeat("$B", 5_000) + worker, "more than"},
		"an assignment of many":       {long + "C=" + strings.Repeat("$A", 5_000) + worker, "more than"},
		"a replacement":               {long + "echo ${A//a/$A}" + worker, "more than 67108864 bytes"},
		"a replacement of one letter": {long + "echo " + strings.Repeat("${A//a/$B}", 9) + worker, "more than 67108864 bytes"},
		"a pattern":                   {long + "echo ${A##*$A*b}" + worker, "more than 2000000 steps"},
		"a pattern in a pattern":      {"sh -c 'echo ${A##${B##${C}}}" + worker, "a pattern that only a shell can work out"},
		"a variable that is itself":   {"sh -c 'A=B; B=A; echo $((A))" + worker, ""},
		"a long IFS":                  {"sh -c 'IFS=" + strings.Repeat("a", 50_000) + "; echo $X" + worker, "IFS"},
		"deep in a shell":             {"sh -c '" + strings.Repeat("(", 60_000) + worker, "200 brackets are open"},
		"deep in a substitution":      {"sh -c 'echo " + strings.Repeat("$(", 30_000) + worker, "200 brackets are open"},
		"deep in arithmetic":          {"sh -c 'echo $((" + strings.Repeat("(", 60_000) + worker, "200 brackets are open"},
		"deep in defaults":            {"sh -c 'echo " + strings.Repeat("${X:-", 10_000) + strings.Repeat("}", 10_000) + worker, "200 brackets are open"},
		"nested as far as it goes":    {"sh -c 'echo " + strings.Repeat("${X:-", 200) + strings.Repeat("}", 200) + worker, ""},
		"a very long script":          {"sh -c 'echo " + strings.Repeat("a", 70_000) + worker, "more than 65536 bytes"},
		"deep in braces":              {"sh -c 'echo " + strings.Repeat("{a,", 150) + strings.Repeat("}", 150) + worker, "braces"},
		"many directories":            {"sh -c '" + strings.Repeat("cd a;", 12_000) + "true" + worker, "more than 67108864 bytes"},
		"many options":                {"php artisan queue:work " + options(20_000), ""},
		"many files of PHP":           {"php " + strings.Repeat("-f-q ", 20_000) + "artisan queue:work", ""},
		"one file in another":         {"php " + strings.Repeat("-f", 60_000) + " artisan queue:work", ""},
		"many names of PHP":           {"wrapper " + strings.Repeat("php ", 30_000), "no queue worker: wrapper"},
		"a very long command":         {"php artisan queue:work " + strings.Repeat("a", 200_000), "more than 131072 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			const maxAllocated = 256 << 20
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := artisan.Parse(tc.command, "/here", nil, budget.New())
			runtime.ReadMemStats(&after)
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > maxAllocated {
				t.Errorf("reading %d bytes allocates %d MiB, want at most %d", len(tc.command), allocated>>20, maxAllocated>>20)
			}
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("it says %v, want %q in it", shortened(err), tc.want)
			}
			var exceeded *budget.ExceededError
			if strings.HasPrefix(tc.want, "more than") && !strings.Contains(name, "very long") && !errors.As(err, &exceeded) {
				t.Errorf("it says %v, want a bound that is exceeded", shortened(err))
			}
		})
	}
}

func shortened(err error) string {
	if err == nil {
		return "nothing"
	}
	return err.Error()[:min(len(err.Error()), 200)]
}

// options returns n options with different names.
func options(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("--" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + " ")
	}
	return b.String()
}

// TestPatternsOfShellsCount has the pattern operators that scripts use.
func TestPatternsOfShellsCount(t *testing.T) {
	for expansion, want := range map[string]string{
		`${A##*-}`: "three", `${A%-*}`: "one-two", `${A/-/_}`: "one_two-three", `${A//-/$B}`: "oneXtwoXthree", `${A^^}`: "ONE-TWO-THREE", `${A#"one-"}`: "two-three",
	} {
		t.Run(expansion, func(t *testing.T) {
			worker, err := artisan.Parse(`sh -c 'A=one-two-three B=X; php artisan queue:work --queue=`+expansion+`'`, "", nil, budget.New())
			if err != nil || len(worker.Options) != 1 || worker.Options[0].Value != want {
				t.Errorf("it has %v (%v), want %s", worker.Options, err, want)
			}
		})
	}
}
