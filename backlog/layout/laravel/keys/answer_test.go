// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestKeys(t *testing.T) {
	for name, tc := range map[string]struct {
		queue   string
		cluster bool
		want    string
	}{
		"a queue":                     {"mail", false, "p:queues:mail"},
		"a tagged queue":              {"{mail}", false, "p:queues:{mail}"},
		"a queue in a cluster":        {"mail", true, "p:queues:{mail}"},
		"a tagged queue in a cluster": {"{mail}", true, "p:queues:{mail}"},
		"one with a tag in its name":  {"a{b}c", true, "p:queues:a{b}c"},
		"empty braces are no tag":     {"a{}c", true, "p:queues:{a{}c}"},
		"a brace alone is no tag":     {"a{c", true, "p:queues:{a{c}"},
	} {
		t.Run(name, func(t *testing.T) {
			want := []string{tc.want, tc.want + ":delayed", tc.want + ":reserved"}
			if diff := cmp.Diff(want, keys("p:", tc.queue, tc.cluster)); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}

func TestThePrefixThatCounts(t *testing.T) {
	p := prefixChoice{candidates: []string{"newer-", "older_"}}
	for i, step := range []struct {
		jobs  []int64
		want  int
		asked []int
	}{
		{[]int64{0, 0}, 0, []int{0, 1}}, // nothing found yet
		{[]int64{0, 3}, 1, []int{1}},    // found; only this candidate is asked
		{[]int64{0, 0}, 1, []int{1}},    // empty again: the choice stays
		{[]int64{5, 0}, 1, []int{1}},    // these jobs are another application's
		{[]int64{5, 2}, 1, []int{1}},
	} {
		if got := p.learn(step.jobs); got != step.want {
			t.Errorf("step %d: %v: candidate %d counts; want %d", i, step.jobs, got, step.want)
		}
		if diff := cmp.Diff(step.asked, p.asked()); diff != "" {
			t.Errorf("step %d: asked next (-want +got):\n%s", i, diff)
		}
	}
}

func TestAnUnknownPrefixIsToldPlainly(t *testing.T) {
	p := prefixChoice{candidates: []string{"newer-", "older_"}}
	told := []string{p.describe()}
	for _, jobs := range [][]int64{{0, 0}, {0, 3}, {0, 0}} {
		p.learn(jobs)
		told = append(told, p.describe())
	}
	want := []string{
		"key prefix newer- or older_ (Laravel's own; not looked behind yet)",
		"key prefix not known: newer- and older_ were tried (Laravel's own), and none of them holds a job yet",
		"key prefix older_ (Laravel's own, by the keys that were found)",
		"key prefix older_ (Laravel's own, by the keys that were found)",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(int64(3), "1795428495.25", "inf", 13)
	f.Add(int64(-1), "", "nan", 12)
	f.Fuzz(func(t *testing.T, number int64, oldest, next string, fields int) {
		reply := []any{number, number, number, number, number, number, number, "head", oldest, next, next, next, next, next}
		a, ok := parse(reply[:max(0, min(fields, len(reply)))])
		if ok != (fields == 13) {
			t.Fatalf("%d fields were accepted: %v", fields, ok)
		}
		for _, moment := range []*float64{a.oldest, a.nextDue, earliest(a.oldest, a.oldestDue, a.nextDue)} {
			if moment != nil && !(*moment >= -1e11 && *moment <= 1e11) {
				t.Errorf("the moment %g was accepted", *moment)
			}
		}
	})
}
