// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backlog

import (
	"net/url"
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	const secret = "pass word/\"1"
	for name, tc := range map[string]struct {
		secrets Secrets
		text    string
		want    string
	}{
		"a text without secrets":      {nil, "connection refused.", "connection refused"},
		"a secret":                    {Secrets{secret}, "auth " + secret + " failed", "auth *** failed"},
		"a secret twice":              {Secrets{secret}, secret + secret, "******"},
		"a secret in a URL":           {Secrets{secret}, "redis://:" + url.PathEscape(secret) + "@host", "redis://:***@host"},
		"a secret in a query":         {Secrets{secret}, "?p=" + url.QueryEscape(secret), "?p=***"},
		"a secret in JSON":            {Secrets{secret}, `{"p":"pass word/\"1"}`, `{"p":"***"}`},
		"a short secret hides it all": {Secrets{"ab"}, "cab", "(not shown, because it holds a secret)"},
		"a short secret not in it":    {Secrets{"xy"}, "cab", "cab"},
		"an empty secret is none":     {Secrets{""}, "cab", "cab"},
		"lines and controls":          {nil, "a\r\n\tb\x00\x1b[31mc", "a b [31mc"},
		"bytes that are no text":      {nil, "a\xffb", "a b"},
		"a long text":                 {nil, strings.Repeat("ä", 200), strings.Repeat("ä", 80) + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tc.secrets.Clean(tc.text); got != tc.want {
				t.Errorf("Clean(%q) = %q; want %q", tc.text, got, tc.want)
			}
		})
	}
}

func FuzzClean(f *testing.F) {
	f.Add("s3cret", "the s3cret is told")
	f.Add("a b", "a+b a%20b")
	f.Fuzz(func(t *testing.T, secret, text string) {
		if got := (Secrets{secret}).Clean(text); len(got) > maxCleaned+len("...") && !strings.HasPrefix(got, "(not shown") {
			t.Errorf("Clean made %d bytes", len(got))
		}
	})
}
