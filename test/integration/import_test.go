// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestImportedManifestsAreAccepted lets the API server judge every golden file of the
// imports, as kubectl apply would send it.
func TestImportedManifestsAreAccepted(t *testing.T) {
	namespace := newNamespace(t)
	count := 0
	for _, pattern := range []string{"*/testdata/*.golden.yaml", "*/testdata/*/*.golden.yaml"} {
		files, err := filepath.Glob("../../plugin/importing/" + pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			count++
			t.Run(strings.TrimSuffix(filepath.Base(file), ".golden.yaml"), func(t *testing.T) {
				out := kubectl(t, "-n", namespace, "apply", "--dry-run=server", "--validate=strict", "-f", file)
				requireContains(t, out, "queueapp.queueworker.dev/")
				requireContains(t, out, "queueworker.queueworker.dev/")
			})
		}
	}
	if count < 20 {
		t.Errorf("%d files were found, want at least 20", count)
	}
}
