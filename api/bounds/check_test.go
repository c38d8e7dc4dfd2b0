// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package bounds

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckNamesTheFieldAndTheBound(t *testing.T) {
	repeat := func(entry string, n int) string { return strings.TrimSuffix(strings.Repeat(entry+",", n), ",") }
	keys := func(n int) string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf(`"k%d": "v"`, i))
		}
		return strings.Join(out, ",")
	}
	text := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	tests := map[string]struct{ document, want string }{
		"nothing":                     {`{}`, ""},
		"null":                        {`null`, ""},
		"unknown fields":              {`{"a": [1, -2.5e3, true, null, {"b": "c"}]}`, ""},
		"as many tolerations as may":  {`{"spec": {"tolerations": [` + repeat(`{}`, 64) + `]}}`, ""},
		"one more":                    {`{"spec": {"tolerations": [` + repeat(` { } `, 65) + `]}}`, "t.spec.tolerations has more than 64 entries"},
		"hundreds of thousands":       {`{"spec": {"tolerations": [` + repeat(`{}`, 80_000) + `]}}`, "t.spec.tolerations has more than 64 entries"},
		"in a container":              {`{"containers": [{"name": "a"}, {"env": [{"name": "A"}, {"value": ` + text(32769) + `}]}]}`, "t.containers[1].env[1].value has more than 32768 characters"},
		"an exec's command":           {`{"livenessProbe": {"exec": {"command": [` + repeat(`"a"`, 65) + `]}}}`, "t.livenessProbe.exec.command has more than 64 entries"},
		"a container's command":       {`{"containers": [{"command": [` + repeat(`"a"`, 65) + `]}]}`, ""},
		"no ephemeral containers":     {`{"ephemeralContainers": [{}]}`, "t.ephemeralContainers has more than 0 entries"},
		"labels":                      {`{"labels": {` + keys(129) + `}}`, "t.labels has more than 128 keys"},
		"a label":                     {`{"labels": {"a": ` + text(64) + `}}`, `t.labels["a"] has more than 63 characters`},
		"a label's key":               {`{"labels": {` + text(318) + `: "a"}}`, "t.labels has more than 317 characters in a key"},
		"an object of many fields":    {`{"spec": {` + keys(129) + `}}`, ""},
		"a list named like a map":     {`{"dnsConfig": {"options": [{"name": ` + text(254) + `}]}}`, "t.dnsConfig.options[0].name has more than 253 characters"},
		"escapes count as characters": {`{"labels": {"a": "` + strings.Repeat(`\n\u00e4\ud83d\ude00\"\\`, 12) + `"}}`, ""},
		"one escape too many":         {`{"labels": {"a": "` + strings.Repeat(`\n\u00e4\uD83D\uDE00\"\\`, 13) + `"}}`, `t.labels["a"] has more than 63 characters`},
		"characters, not bytes":       {`{"labels": {"a": "` + strings.Repeat("ä", 63) + `"}}`, ""},
		"brackets and quotes in text": {`{"labels": {"a": "]}\\\"[{,"}, "tolerations": []}`, ""},
		"values in all":               {`{"a": [` + repeat(`{"b": [`+repeat(`1`, 60)+`]}`, 64) + `], "b": [` + repeat(`[`+repeat(`1`, 64)+`]`, 64) + `], "c": [` + repeat(`[`+repeat(`1`, 64)+`]`, 64) + `]}`, "t has more than 10000 values (objects, lists, strings, numbers)"},
		"bytes in all":                {text(256 << 10), "t has more than 262144 bytes of JSON"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			excess, err := Check("t", []byte(tc.document), Template)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if excess != nil {
				got = excess.String()
			}
			if got != tc.want {
				t.Errorf("Check() = %q, want %q", got, tc.want)
			}
		})
	}
}

func TestCheckRefusesWhatIsNoJSON(t *testing.T) {
	for _, document := range []string{"", "{", `{"a"}`, `"`, `[1,`, "{} {}"} {
		if _, err := Check("t", []byte(document), Template); err == nil {
			t.Errorf("Check(%q) found no fault", document)
		}
	}
}

// No text may have a bound below labelText, because value does not check texts up to that
// length.
func TestNoTextHasALowerBound(t *testing.T) {
	for where, most := range texts {
		if most < labelText {
			t.Errorf("%s.%s: %d is below %d", where.parent, where.field, most, labelText)
		}
	}
}

// The scanner trusts its input to be valid, and must read what encoding/json reads.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{`{"labels": {"a\u0000": "\ud800\ud800\udc00"}}`, ` [ [ ] , { } , -1e-3 ]`, `{"": {"": []}}`, "\"\xff\"", `"\u12"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, document string) {
		wide := Total{Bytes: 1 << 20, Values: 1 << 20}
		_, err := Check("t", []byte(document), wide)
		if (err == nil) != json.Valid([]byte(document)) {
			t.Fatalf("Check: %v, and encoding/json thinks otherwise", err)
		}
		var text string
		if quoted := strings.TrimSpace(document); json.Unmarshal([]byte(document), &text) == nil && strings.HasPrefix(quoted, `"`) {
			if got, want := runes([]byte(quoted[1:len(quoted)-1])), utf8.RuneCountInString(text); got != want {
				t.Errorf("%s: %d characters, want %d", document, got, want)
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	variable := `{"name":"SOME_VARIABLE","value":"and what it is set to"},`
	document := []byte(`{"containers":[{"env":[` + strings.TrimSuffix(strings.Repeat(variable, 512), ",") + `]}]}`)
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		if excess, err := Check("spec.template", document, Template); excess != nil || err != nil {
			b.Fatal(excess, err)
		}
	}
}
