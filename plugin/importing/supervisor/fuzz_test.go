// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor_test

import (
	"os"
	"testing"

	"queueworker.dev/queueworker/plugin/importing/budget"
	"queueworker.dev/queueworker/plugin/importing/flags"
	"queueworker.dev/queueworker/plugin/importing/manifest"
	"queueworker.dev/queueworker/plugin/importing/supervisor"
	"queueworker.dev/queueworker/test/importing"
)

// FuzzImport looks for files that break the import, or that become a QueueWorker which
// the API server would refuse.
func FuzzImport(f *testing.F) {
	for _, file := range files(f) {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		draft, err := supervisor.Import(supervisor.Input{
			Paths: []string{"worker.conf"}, Directory: "/etc",
			Read: func(string) ([]byte, error) { return content, nil },
			Glob: func(string, *budget.Budget) ([]string, error) { return nil, nil },
		})
		if err != nil {
			return
		}
		result := manifest.Assemble(draft, manifest.Settings{Images: map[string]string{"": "app:1"}})
		for _, app := range result.Apps {
			for _, pool := range app.Pools {
				if pool.Name != manifest.Slug(pool.Name) || len(pool.Name) > 50 || pool.Name == "" {
					t.Errorf("the name %q is none", pool.Name)
				}
				if outcome := flags.Fit(pool.Spec.DeepCopy()); outcome.Why != "" {
					t.Errorf("the options do not fit: %s", outcome.Why)
				}
			}
		}
		printed, err := manifest.Write(result)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := importing.Objects(printed); err != nil {
			t.Error(err)
		}
	})
}
