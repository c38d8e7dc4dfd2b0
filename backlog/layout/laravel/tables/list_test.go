// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"math"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPatterns(t *testing.T) {
	for search, want := range map[string][2]string{
		"":            {"", ""},
		"SMTP":        {"%smtp%", "%smtp%"},
		`App\Jobs\A`:  {`%app\jobs\a%`, `%app\\jobs\\a%`},
		"50%_!":       {"%50!%!_!!%", "%50!%!_!!%"},
		"Ü/\"":        {"%ü/\"%", `%\u00dc\/\"%`},
		"'; DROP ---": {"%'; drop ---%", "%'; drop ---%"},
	} {
		if plain, escaped := patterns(search); plain != want[0] || escaped != want[1] {
			t.Errorf("patterns(%q) = %q, %q; want %q", search, plain, escaped, want)
		}
	}
}

func TestContinue(t *testing.T) {
	for _, id := range []int64{0, 1, 17, math.MaxInt64} {
		if got, err := readContinue(writeContinue(id)); got != id || err != nil {
			t.Errorf("%d becomes %d, %v", id, got, err)
		}
	}
	if got, err := readContinue(""); got != math.MaxInt64 || err != nil {
		t.Errorf("the first page begins at %d, %v", got, err)
	}
	for _, token := range []string{"17", "a b", "YmVmb3JlOng", "YmVmb3Jl", "MTc"} {
		if _, err := readContinue(token); err == nil || !strings.HasSuffix(err.Error(), ".") {
			t.Errorf("the token %q is read, %v", token, err)
		}
	}
}

func TestClassName(t *testing.T) {
	for payload, want := range map[string]string{
		`{"uuid":"x","displayName":"App\\Jobs\\Mail","data":{"displayName":"No"}}`: `App\Jobs\Mail`,
		`{"displayName" : "A\u00fc\"b"}`:                                           `Aü"b`,
		`{"displayName":7}`:                                                        "",
		`{"displayName":"cut`:                                                      "",
		`{"displayName":"\x"}`:                                                     "",
		"":                                                                         "",
	} {
		if got := className(payload); got != want {
			t.Errorf("className(%s) = %q, want %q", payload, got, want)
		}
	}
}

func TestFailedAt(t *testing.T) {
	for text, want := range map[string]string{
		"2026-03-01 12:00:00":       "2026-03-01T12:00:00Z",
		"2026-03-01 12:00:00.25":    "2026-03-01T12:00:00Z",
		"2026-03-01T12:00:00+02:00": "2026-03-01T10:00:00Z",
		"yesterday":                 "",
		"":                          "",
	} {
		if got := failedAt(text); got != want {
			t.Errorf("failedAt(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzFailedJob(f *testing.F) {
	f.Add(`{"displayName":"App\\Jobs\\A\u202e"}`, "Ex: \x1b[31m\xff\nsecond")
	f.Fuzz(func(t *testing.T, payload, exception string) {
		lister := &Failed{}
		row := failedRow{id: 7}
		row.payload.String, row.exception.String = payload, exception
		job := lister.job(row)
		for _, text := range []string{job.Class, job.Exception} {
			if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxExceptionRunes || strings.ContainsAny(text, "\n\x1b\u202e\x00") {
				t.Errorf("a text is %q", text)
			}
		}
		if job.ID != "7" {
			t.Errorf("the id is %q", job.ID)
		}
	})
}
