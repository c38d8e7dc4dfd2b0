// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package horizon_test

import (
	"os"
	"path/filepath"
	"testing"

	"queueworker.dev/queueworker/plugin/importing/horizon"
	"queueworker.dev/queueworker/plugin/importing/manifest"
	"queueworker.dev/queueworker/test/importing"
)

// FuzzImport looks for files that break the import, or whose YAML cannot be read.
func FuzzImport(f *testing.F) {
	for _, pattern := range []string{"testdata/*.php", "testdata/broken/*.php"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(source)
		}
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		draft, err := horizon.Import(horizon.Input{File: "horizon.php", Source: source, Environment: "production"})
		if err != nil {
			return
		}
		printed, err := manifest.Write(manifest.Assemble(draft, manifest.Settings{}))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := importing.Objects(printed); err != nil {
			t.Error(err)
		}
	})
}
