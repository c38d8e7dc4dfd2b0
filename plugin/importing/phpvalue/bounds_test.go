// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package phpvalue_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"queueworker.dev/queueworker/plugin/importing/budget"
	"queueworker.dev/queueworker/plugin/importing/phpvalue"
)

// keys returns a statement with an array of n keys that env() gives.
func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "env('a%d', 'b%d') => 1, ", i, i)
	}
	return "$x = [" + b.String() + "0 => 1]; "
}

// nested returns a statement that sets an item whose key sets an item, and so on.
func nested(depth int) string {
	key := "1"
	for range depth {
		key = "($z[" + key + "][1][1][1][1] = 1) . ($z = [])"
	}
	return "$z = []; return $z[" + key + "];"
}

// TestShortFilesAskForLittle has short files that need much more than their size. Each is
// read with few steps and little memory, or refused with its line and the bound.
func TestShortFilesAskForLittle(t *testing.T) {
	long := "$s = '" + strings.Repeat("a", 60_000) + "';\n"
	for name, tc := range map[string]struct {
		source string
		// refused is the unit of the exceeded bound; empty if the file is read.
		refused string
		// maxSteps is the maximum number of steps of a file that is read.
		maxSteps int
	}{
		"arrays that double":       {"$a = [1];\n" + strings.Repeat(`$a = array_merge($a, $a); `, 60) + `return $a;`, "bytes", 0},
		"sums that double":         {"$a = [1];\n" + strings.Repeat(`$a = [...$a, ...$a]; `, 60) + `return $a;`, "bytes", 0},
		"texts that double":        {"$a = 'aaaaaaaa';\n" + strings.Repeat(`$a = $a . $a; `, 60) + `return $a;`, "", 500},
		"gaps that double":         {"$a = ['x' => 1, f() => 1];\n" + strings.Repeat(`$a = [...$a, ...$a]; `, 60) + `return $a;`, "bytes", 0},
		"gaps that grow":           {"$a = [f() => 1];\n" + strings.Repeat(`$a=[$a[0]=>1];`, 20_000) + `return $a;`, "bytes", 0},
		"deep nesting":             {`return ` + strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000) + `;`, "", 500},
		"deep parentheses":         {`return ` + strings.Repeat(`(`, 5000) + `1` + strings.Repeat(`)`, 5000) + `;`, "", 500},
		"a key that sets a key":    {nested(18), "", 1000},
		"a deep item":              {"$z = [];\n$z" + strings.Repeat("[1]", 5000) + " = 1; return $z;", "", 500},
		"arrays in arrays":         {"$a = [];\n" + strings.Repeat(`$a=[$a];`, 50_000) + `return array_replace_recursive($a, $a);`, "", 500_000},
		"one text in many items":   {long + "return [" + strings.Repeat("$s.'',", 3000) + "];", "bytes", 0},
		"one text in many calls":   {long + "return [" + strings.Repeat("trim($s),", 3000) + "];", "bytes", 0},
		"many assumptions, read":   {keys(4000) + strings.Repeat("$y = $x[0];", 5) + "return $y;", "", 50_000},
		"many assumptions, joined": {keys(4000) + "\nreturn [" + strings.Repeat("$x[0].$x[0],", 5000) + "];", "bytes", 0},
		"an assumption in many":    {long + "return [" + strings.Repeat("env('X', $s),", 3000) + "];", "bytes", 0},
		"a text cut in many":       {"$s = '" + strings.Repeat("a,", 200_000) + "';\nreturn [" + strings.Repeat("explode(',', $s),", 10) + "];", "bytes", 0},
		"variables to forget":      {variables(5000) + "\n" + strings.Repeat("f();", 5000) + "return 1;", "steps", 0},
	} {
		t.Run(name, func(t *testing.T) {
			const maxAllocated = 512 << 20
			left := budget.New()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := phpvalue.Read([]byte("<?php\n"+tc.source), nil, left)
			runtime.ReadMemStats(&after)
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > maxAllocated {
				t.Errorf("reading %d bytes allocates %d MiB, want at most %d", len(tc.source), allocated>>20, maxAllocated>>20)
			}
			steps, _ := left.Spent()
			if tc.refused == "" && (err != nil || steps > tc.maxSteps) {
				t.Errorf("it takes %d steps and says %v, want at most %d and no error", steps, err, tc.maxSteps)
			}
			if tc.refused != "" {
				checkRefusal(t, err, tc.refused)
			}
		})
	}
}

// checkRefusal expects the bound and a line.
func checkRefusal(t *testing.T, err error, unit string) {
	t.Helper()
	var bound *phpvalue.BoundError
	var exceeded *budget.ExceededError
	if !errors.As(err, &bound) || !errors.As(err, &exceeded) {
		t.Fatalf("it says %v, want a bound that is exceeded", err)
	}
	if exceeded.Unit != unit || bound.Line != 3 && bound.Line != 2 {
		t.Errorf("it says %v, want a maximum of %s in line 2 or 3", err, unit)
	}
}

// variables returns statements that set n variables.
func variables(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "$a%d=1;", i)
	}
	return b.String()
}

// TestManyReturnsAreToldApart has a statement with many functions and no return of its
// own, and a statement with a return after them.
func TestManyReturnsAreToldApart(t *testing.T) {
	functions := strings.Repeat("$a = function () { return function () { return 1; }; };", 5000)
	for name, tc := range map[string]struct {
		source string
		want   int
	}{
		"none of its own": {"if ($a) {" + functions + "} return [1];", 0},
		"one behind them": {"if ($a) {" + functions + "return [2]; } return [1];", 1},
		"one before them": {"if ($a) { return [2];" + functions + "} return [1];", 1},
	} {
		t.Run(name, func(t *testing.T) {
			value, err := phpvalue.Read([]byte("<?php\n"+tc.source), nil, budget.New())
			if err != nil {
				t.Fatal(err)
			}
			if len(value.Array.Gaps) != tc.want {
				t.Errorf("it has the gaps %q, want %d", value.Array.Gaps, tc.want)
			}
		})
	}
}
