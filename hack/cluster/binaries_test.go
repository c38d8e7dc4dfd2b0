// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"testing/fstest"
)

func TestSourceKeyChangesWithEveryFile(t *testing.T) {
	base := fstest.MapFS{"go.mod": {Data: []byte("module a\n")}, "main.go": {Data: []byte("package main\n")}}
	key, err := sourceKey(base)
	if err != nil {
		t.Fatal(err)
	}
	for name, changed := range map[string]fstest.MapFS{
		"content":           {"go.mod": base["go.mod"], "main.go": {Data: []byte("package main\n\n")}},
		"a file more":       {"go.mod": base["go.mod"], "main.go": base["main.go"], "a.go": {}},
		"a file less":       {"go.mod": base["go.mod"]},
		"another name":      {"go.mod": base["go.mod"], "other.go": base["main.go"]},
		"bytes moved along": {"go.mod": {Data: []byte("module a\nmain.go")}, "main.go": {Data: []byte("package main\n")}},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := sourceKey(changed); err != nil || got == key {
				t.Errorf("sourceKey() = %s, %v; want another key than before", got, err)
			}
		})
	}
	if again, _ := sourceKey(base); again != key {
		t.Errorf("sourceKey() of the same files = %s, then %s", key, again)
	}
}

func TestHaveBinariesOnlyWhenTheLinksLeadSomewhere(t *testing.T) {
	home := t.TempDir()
	bin := filepath.Join(home, "bin")
	for range 2 { // linking again is harmless
		if err := linkBinaries(bin); err != nil {
			t.Fatal(err)
		}
	}
	if haveBinaries(bin) {
		t.Error("links to a binary that is not built count as binaries")
	}
	if err := os.WriteFile(filepath.Join(home, "kube"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	if !haveBinaries(bin) {
		t.Error("the binaries are there, but are not seen")
	}
}

func TestKubernetesVersionIsReadFromTheRealModule(t *testing.T) {
	version, err := kubernetesVersion("kube")
	if err != nil || !regexp.MustCompile(`^v1\.\d+\.\d+$`).MatchString(version) {
		t.Errorf("kubernetesVersion() = %q, %v; want a release", version, err)
	}
}
