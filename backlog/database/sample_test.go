// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/backlog/settings"
)

func TestTimeoutOf(t *testing.T) {
	for payload, want := range map[string]int64{
		`{"timeout":120,"data":{"timeout":9}}`: 120,
		`{"timeout":2.9}`:                      2,
		`{"timeout":null}`:                     0,
		`{"timeout":"60"}`:                     0,
		`{"timeout":-1}`:                       0,
		`{"timeout":0}`:                        0,
		`{"timeout":1e300}`:                    0,
		`{"data":{"timeout":9}}`:               0,
		`[1]`:                                  0,
		"":                                     0,
		"{":                                    0,
	} {
		if got, ok := timeoutOf([]byte(payload)); got != want || ok != (want > 0) {
			t.Errorf("timeoutOf(%s) = %d, %v; want %d", payload, got, ok, want)
		}
	}
}

func FuzzTimeoutOf(f *testing.F) {
	f.Add([]byte(`{"timeout":120,"data":{"command":"O:16:"}}`))
	f.Add([]byte(`{"timeout":1e400}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if seconds, ok := timeoutOf(payload); ok && (seconds < 1 || seconds > 1<<31) || !ok && seconds != 0 {
			t.Errorf("%d, %v", seconds, ok)
		}
	})
}

func TestQuoteName(t *testing.T) {
	for name, want := range map[string]string{
		"jobs": `"jobs"`, "app.jobs": `"app"."jobs"`, `a"b`: `"a""b"`, "a; DROP TABLE b": `"a; DROP TABLE b"`, "": `""`,
	} {
		if diff := cmp.Diff(want, quoteName(name, `"`)); diff != "" {
			t.Errorf("quoteName(%s) (-want +got):\n%s", name, diff)
		}
	}
	if got := quoteSetting(`it's \back`); got != `'it\'s \\back'` {
		t.Errorf("quoteSetting = %s", got)
	}
}

func TestNewSaysWhatItCannotUse(t *testing.T) {
	s := settings.Database{Kind: "PostgreSQL", Network: "tcp", Host: "db", Port: 5432, Name: "a", Username: "b", SSLMode: "verify-full", CertificateFile: "/no/such/file"}
	if _, err := New(s); err == nil {
		t.Error("a file of certificates that is not there was accepted")
	}
}
