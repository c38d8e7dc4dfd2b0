// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$`)

func TestSlug(t *testing.T) {
	a := strings.Repeat("a", 60)
	tests := map[string]string{
		"laravel-worker": "laravel-worker", "Laravel Worker": "laravel-worker", "redis:7": "redis-7", "app.com": "app-com",
		"--a__b--": "a-b", "a - - b": "a-b", "": "", "-": "", "öäü": "", "Zoë's": "zo-s", "7": "7",
		a: a[:50], a[:49] + "_b": a[:49], a[:48] + "_b": a[:48] + "-b", "___" + a: a[:50], a[:50] + "-": a[:50],
	}
	for text, want := range tests {
		if got := Slug(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// TestAnyTextMakesAName: a slug is empty or valid, stays as it is, and is lost only if the
// text has no letter or digit.
func TestAnyTextMakesAName(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z0-9 _.:/-]{0,80}`)).Draw(t, "text")
		got := Slug(text)
		if got != "" && !validName.MatchString(got) || strings.Contains(got, "--") {
			t.Fatalf("%q becomes %q", text, got)
		}
		if again := Slug(got); again != got {
			t.Fatalf("%q becomes %q, and that becomes %q", text, got, again)
		}
		if some := strings.ContainsFunc(strings.ToLower(text), func(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' }); some != (got != "") {
			t.Fatalf("%q becomes %q", text, got)
		}
	})
}

func TestNamesThatAreTaken(t *testing.T) {
	a := strings.Repeat("a", 50)
	tests := map[string]struct{ texts, want []string }{
		"numbers":                   {[]string{"a", "a", "A!", "a"}, []string{"a", "a-2", "a-3", "a-4"}},
		"a number that is taken":    {[]string{"a-2", "a", "a", "a"}, []string{"a-2", "a", "a-3", "a-4"}},
		"a number that was given":   {[]string{"a", "a", "a-2", "a-2", "a"}, []string{"a", "a-2", "a-2-2", "a-2-3", "a-3"}},
		"without letters":           {[]string{"", "ö", "worker"}, []string{"worker", "worker-2", "worker-3"}},
		"no room for a number":      {[]string{a, a, a + "b"}, []string{a, a[:48] + "-2", a[:48] + "-3"}},
		"room for two digits":       {slices.Repeat([]string{a}, 10), append(numbered(a), a[:47]+"-10")},
		"no second hyphen":          {[]string{a[:47] + "-bb", a[:47] + "-bb"}, []string{a[:47] + "-bb", a[:47] + "-2"}},
		"two that are cut the same": {[]string{a[:49] + "b", a[:49] + "c", a[:49] + "b", a[:49] + "c"}, []string{a[:49] + "b", a[:49] + "c", a[:48] + "-2", a[:48] + "-3"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			names := Names{}
			var got []string
			for _, text := range tc.texts {
				got = append(got, names.Take(text, "worker"))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("unexpected names (-want +got):\n%s", diff)
			}
		})
	}
}

// numbered returns a name of 50 letters and its namesakes up to number 9.
func numbered(name string) []string {
	out := []string{name}
	for _, n := range "23456789" {
		out = append(out, name[:48]+"-"+string(n))
	}
	return out
}

// TestNamesAreGivenOnce: any texts get valid names that differ, and a text whose name is
// free gets that name.
func TestNamesAreGivenOnce(t *testing.T) {
	text := rapid.OneOf(
		rapid.SampledFrom([]string{"a", "A", "a-2", "a-3", "a-2-2", "", "ö", "worker", "worker-2"}),
		rapid.StringMatching(`a{46,52}(-[23])?`), rapid.String(),
	)
	rapid.Check(t, func(t *rapid.T) {
		names, given := Names{}, map[string]bool{}
		for _, text := range rapid.SliceOfN(text, 1, 40).Draw(t, "texts") {
			got := names.Take(text, "worker")
			if !validName.MatchString(got) {
				t.Fatalf("%q gets the name %q", text, got)
			}
			if given[got] {
				t.Fatalf("%q gets %q, which is taken", text, got)
			}
			free := Slug(text)
			if free != "" && !given[free] && got != free {
				t.Fatalf("%q gets %q although %q is free", text, got, free)
			}
			given[got] = true
		}
	})
}
