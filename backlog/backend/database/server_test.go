// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package database

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/backlog/settings"
)

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

func TestAKindWithoutADialectIsRefused(t *testing.T) {
	if _, err := New(settings.Database{Kind: "Oracle"}); err == nil {
		t.Error("a database of an unknown kind was accepted")
	}
}
