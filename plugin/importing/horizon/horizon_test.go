// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package horizon_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/plugin/importing/horizon"
	"queueworker.dev/queueworker/plugin/importing/manifest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func read(t testing.TB, file string) (manifest.Draft, error) {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return horizon.Import(horizon.Input{
		File: file, Source: source, Environment: "production", Variables: map[string]string{"HORIZON_TRIES": "4"},
	})
}

// TestFilesBecomeManifests compares the YAML made from each file with the golden file
// beside it.
func TestFilesBecomeManifests(t *testing.T) {
	files, err := filepath.Glob("testdata/*.php")
	if err != nil || len(files) < 8 {
		t.Fatalf("testdata has %d files (%v), want at least 8", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			draft, err := read(t, file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := manifest.Write(manifest.Assemble(draft, manifest.Settings{
				Images: map[string]string{"": "registry.example.com/app:1"},
			}))
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".php") + ".golden.yaml"
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("unexpected YAML (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBrokenFilesAreRefused compares the messages for files that cannot be imported.
func TestBrokenFilesAreRefused(t *testing.T) {
	files, err := filepath.Glob("testdata/broken/*.php")
	if err != nil || len(files) == 0 {
		t.Fatalf("testdata/broken: %v", err)
	}
	var got strings.Builder
	for _, file := range files {
		draft, err := read(t, file)
		if err == nil {
			t.Errorf("%s was read: %+v", file, draft.Pools)
			continue
		}
		got.WriteString(err.Error() + "\n")
	}
	want, err := os.ReadFile("testdata/broken/refusals.txt")
	if *update {
		want, err = []byte(got.String()), os.WriteFile("testdata/broken/refusals.txt", []byte(got.String()), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("unexpected refusals (-want +got):\n%s", diff)
	}
}
