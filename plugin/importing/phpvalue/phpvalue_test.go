// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package phpvalue_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/plugin/importing/budget"
	"queueworker.dev/queueworker/plugin/importing/phpvalue"
)

// show returns a value as PHP's json_encode prints it; an unknown value is <why>.
func show(v phpvalue.Value) string {
	switch v.Kind {
	case phpvalue.Unknown:
		return "<" + v.Why + ">"
	case phpvalue.List:
		return showArray(v.Array)
	case phpvalue.String:
		text, err := json.Marshal(v.Text)
		if err != nil {
			panic(err)
		}
		return string(text)
	case phpvalue.Bool:
		if v.Bool {
			return "true"
		}
		return "false"
	case phpvalue.Null:
		return "null"
	default:
		text, _ := v.AsText()
		return text
	}
}

func showArray(array *phpvalue.Array) string {
	isList := true
	var values, pairs []string
	for i, item := range array.Items {
		isList = isList && item.Key == phpvalue.Key{Int: int64(i)}
		values = append(values, show(item.Value))
		pairs = append(pairs, `"`+item.Key.String()+`":`+show(item.Value))
	}
	if isList {
		return "[" + strings.Join(values, ",") + "]"
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

// TestValuesAreThoseOfPHP expects the output of PHP 8.2's json_encode for each
// expression.
func TestValuesAreThoseOfPHP(t *testing.T) {
	for source, want := range map[string]string{
		`'it\'s' . " \$5\t\"x\""`:                        `"it's $5\t\"x\""`,
		`[1, 'a' => 2, 3, '7' => 4, 5, 07, 0x10, 1_000]`: `{"0":1,"a":2,"1":3,"7":4,"8":5,"9":7,"10":16,"11":1000}`,
		`[true => 'a', null => 'b', 1.7 => 'c']`:         `{"1":"c","":"b"}`,
		`array(1, array(2), 3,)`:                         `[1,[2],3]`,
		`-5 + 2 * 3 - 1`:                                 `0`,
		`7 / 2`:                                          `3.5`,
		`6 / 2`:                                          `3`,
		`7 % 3`:                                          `1`,
		`(int) '60s'`:                                    `60`,
		`(int) ' 12 '`:                                   `12`,
		`(int) 'x'`:                                      `0`,
		`(bool) '0'`:                                     `false`,
		`(string) false`:                                 `""`,
		`(array) 'a'`:                                    `["a"]`,
		`(float) '1.5'`:                                  `1.5`,
		`5 . ''`:                                         `"5"`,
		`[1, 2] + [3, 4, 5]`:                             `[1,2,5]`,
		`array_merge([1, 'a' => 2], [3, 'a' => 4])`:                           `{"0":1,"a":4,"1":3}`,
		`array_replace([1, 2, 3], [1 => 'b'])`:                                `[1,"b",3]`,
		`array_replace_recursive(['a' => [1, 2, 3]], ['a' => [9], 'b' => 1])`: `{"a":[9,2,3],"b":1}`,
		`[...[1, 2], ...['a' => 3], 4]`:                                       `{"0":1,"1":2,"a":3,"2":4}`,
		`array_filter(['a', '', null, 'b', 0])`:                               `{"0":"a","3":"b"}`,
		`array_values(array_filter(['a', '', 'b']))`:                          `["a","b"]`,
		`array_unique(['a', 'b', 'a'])`:                                       `["a","b"]`,
		`explode(',', 'a,b,,c')`:                                              `["a","b","","c"]`,
		`implode('-', ['a', 1, true])`:                                        `"a-1-1"`,
		`max(1, 2.5, '3')`:                                                    `"3"`,
		`min(4, 2)`:                                                           `2`,
		`true ? 'a' : 'b'`:                                                    `"a"`,
		`'' ?: 'b'`:                                                           `"b"`,
		`null ?? 'b'`:                                                         `"b"`,
		`'a' === 'a' && 1 == '1' && 1 !== '1' && !false`:                      `true`,
		`'abc' == 0`:                                                          `false`,
		`null == false`:                                                       `true`,
		`3 > 2 && 2 >= 2 && 1 < 2 && 2 <= 2`:                                  `true`,
		`match (2) { 1 => 'a', 2, 3 => 'b', default => 'c' }`:                 `"b"`,
		`match (9) { 1 => 'a', default => 'c' }`:                              `"c"`,
		`['a' => ['b' => 7]]['a']['b']`:                                       `7`,
		`App\Models\User::class`:                                              `"App\\Models\\User"`,
		`env('SET') . env('TRUE', 1) . env('MISSING', 'x')`:                   `"given1x"`,
		`strtolower(trim(' AB '))`:                                            `"ab"`,
		`(int) ceil(7 / 2)`:                                                   `4`,
		`"a{$x}b"`:                                                            `<the variable $x is not set in this file>`,
		`config('queue.default')`:                                             `<it calls config(), which only PHP can>`,
		`[1, storage_path('x'), 2]`:                                           `[1,<it calls storage_path(), which only PHP can>,2]`,
		`Tenants::all()`:                                                      `<it calls Tenants::all(), which only PHP can>`,
		`fn () => 1`:                                                          `<it is a closure, which only PHP can call>`,
		`__DIR__ . '/x'`:                                                      `<__DIR__ is known only where the application runs>`,
		`1 / 0`:                                                               `<it divides by zero>`,
		`foo(name: 1)`:                                                        `<it names an argument, which only PHP can match>`,
	} {
		t.Run(source, func(t *testing.T) {
			value, err := phpvalue.Read([]byte("<?php\nreturn "+source+";"), map[string]string{"SET": "given", "TRUE": "(true)"}, budget.New())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, show(value)); diff != "" {
				t.Errorf("unexpected value (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStatementsSetVariables(t *testing.T) {
	for name, tc := range map[string]struct{ source, want string }{
		"one after the other":             {`$a = 1; $b = [$a, $a + 1]; $b[] = 3; $b['x'] = 4; return $b;`, `{"0":1,"1":2,"2":3,"x":4}`},
		"nested":                          {`$a = ['b' => ['c' => 1]]; $a['b']['d'] = 2; return $a;`, `{"b":{"c":1,"d":2}}`},
		"a constant":                      {`const N = 4; return N * 2;`, `8`},
		"a namespace":                     {`namespace App; use A\B; return 1;`, `1`},
		"only the first return":           {`return 1; return 2;`, `1`},
		"a condition makes unknown":       {"$a = 1;\nif (rand()) { $a = 2; }\nreturn $a;", `<the statement in line 3 may change it, which only PHP can work out>`},
		"a reference makes unknown":       {"$a = [2, 1]; sort($a); return $a;", `<the statement in line 2 may change it, which only PHP can work out>`},
		"an operator makes unknown":       {"$a = 1; $a += 2; return $a;", `<the statement in line 2 may change it, which only PHP can work out>`},
		"an increment makes unknown":      {"$a = 1; $a++; return $a;", `<the statement in line 2 may change it, which only PHP can work out>`},
		"a function may take a reference": {"$a = ['x', 'y'];\n$b = array_shift($a); return [$a, $b];", `[<the call of array_shift() in line 3 may change it, which only PHP can work out>,<it calls array_shift(), which only PHP can>]`},
		"an item of it may be taken too":  {"$a = ['x' => [1, 2]]; return [array_pop($a['x']), $a];", `[<it calls array_pop(), which only PHP can>,<the call of array_pop() in line 2 may change it, which only PHP can work out>]`},
		"a method may take a reference":   {"$a = [1]; $b = [Arr::pull($a, 0), $x->of($a)]; return $a;", `<the call of Arr::pull() in line 2 may change it, which only PHP can work out>`},
		"a closure may take a reference":  {"$a = [1]; $b = [$f($a)]; return $a;", `<the call of a closure in line 2 may change it, which only PHP can work out>`},
		"an argument by name may be one":  {"$a = [1]; $b = [shuffle(array: $a)]; return $a;", `<the call of shuffle() in line 2 may change it, which only PHP can work out>`},
		"what is known takes none":        {"$a = [1]; $b = count($a); return [$a, $b];", `[[1],1]`},
		"a list makes unknown":            {"$a = 1; [$a, $b] = [2, 3]; return $a;", `<a part of it is set in a way that only PHP can work out>`},
	} {
		t.Run(name, func(t *testing.T) {
			value, err := phpvalue.Read([]byte("<?php\n"+tc.source), nil, budget.New())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, show(value)); diff != "" {
				t.Errorf("unexpected value (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAReturnThatIsNotRunIsAGap has statements that are not evaluated here and may
// return.
func TestAReturnThatIsNotRunIsAGap(t *testing.T) {
	const gap = "the statement in line 2 may return something else, which only PHP can work out"
	for name, tc := range map[string]struct {
		source string
		want   []string
	}{
		"a condition":      {"if (getenv('FOO')) { return [1]; } return [2];", []string{gap}},
		"a loop in it":     {"if ($a) { foreach ($b as $c) { return [1]; } }\nreturn [2];", []string{gap}},
		"another syntax":   {"if ($a): return [1]; endif; return [2];", []string{gap}},
		"a try":            {"try { return f(); } catch (E $e) {} return [2];", []string{gap}},
		"a closure in it":  {"if ($a) { $b = function () { return 1; }; function f() { return 2; } }\nreturn [2];", nil},
		"a class in it":    {"if ($a) { $b = new class { function f() { return 2; } }; }\nreturn [2];", nil},
		"nothing to doubt": {"if ($a) { $b = 1; } return [2];", nil},
	} {
		t.Run(name, func(t *testing.T) {
			value, err := phpvalue.Read([]byte("<?php\n"+tc.source), nil, budget.New())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, value.Array.Gaps); diff != "" || show(value) != "[2]" {
				t.Errorf("it returns %s with unexpected gaps (-want +got):\n%s", show(value), diff)
			}
		})
	}
}
