// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/plugin/importing/budget"
	"queueworker.dev/queueworker/plugin/importing/manifest"
	"queueworker.dev/queueworker/plugin/importing/supervisor"
)

var update = flag.Bool("update", false, "write the golden files anew")

// environment holds the variables with which the files in testdata are imported.
var environment = map[string]string{
	"QUEUE_CONNECTION": "redis", "QUEUE": "fast,slow", "REGION": "eu-west-1", "QUEUE_PROCESSES": "6",
}

func read(paths ...string) (manifest.Draft, error) {
	return supervisor.Import(supervisor.Input{
		Paths: paths, Directory: "/etc/supervisor", Environment: environment,
		Read: os.ReadFile, ReadIncluded: os.ReadFile,
		Glob: func(pattern string, _ *budget.Budget) ([]string, error) { return filepath.Glob(pattern) },
	})
}

// files returns the files in testdata to import, without included files.
func files(t testing.TB) []string {
	t.Helper()
	found, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(found) < 14 {
		t.Fatalf("testdata has %d files (%v), want at least 14", len(found), err)
	}
	return append(found, "testdata/included/supervisord.conf")
}

// TestFilesBecomeManifests compares the YAML made from each file with the golden file
// beside it.
func TestFilesBecomeManifests(t *testing.T) {
	for _, file := range files(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			draft, err := read(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := manifest.Write(manifest.Assemble(draft, manifest.Settings{
				Images: map[string]string{"": "registry.example.com/app:1"},
			}))
			if err != nil {
				t.Fatal(err)
			}
			golden := strings.TrimSuffix(file, ".conf") + ".golden.yaml"
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

// TestBrokenFilesAreRefused compares the messages for files that Supervisor refuses.
func TestBrokenFilesAreRefused(t *testing.T) {
	found, err := filepath.Glob("testdata/broken/*.conf")
	if err != nil || len(found) == 0 {
		t.Fatalf("testdata/broken: %v", err)
	}
	var got strings.Builder
	for _, file := range found {
		draft, err := read(file)
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

// TestFilesCountOnce names files that another file includes, and files twice.
func TestFilesCountOnce(t *testing.T) {
	const directory = "testdata/included/"
	draft, err := read(directory+"conf.d/01-mails.conf", directory+"supervisord.conf", directory+"../included/supervisord.conf", "testdata/guide.conf")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, pool := range draft.Pools {
		got = append(got, pool.Pool.Name)
	}
	if diff := cmp.Diff([]string{"mails", "images", "laravel-worker"}, got); diff != "" {
		t.Errorf("unexpected pools (-want +got):\n%s", diff)
	}
}

// TestThousandsOfProcessesAreFew has an absurdly large numprocs.
func TestThousandsOfProcessesAreFew(t *testing.T) {
	draft, err := supervisor.Import(supervisor.Input{
		Paths: []string{"worker.conf"},
		Read: func(string) ([]byte, error) {
			return []byte("[program:a]\nprocess_name=%(process_num)d\nnumprocs=999999999\ncommand=php artisan queue:work\n"), nil
		},
		Glob: func(string, *budget.Budget) ([]string, error) { return nil, nil },
	})
	if err != nil || len(draft.Pools) != 1 || *draft.Pools[0].Pool.Spec.Processes != 1000 {
		t.Errorf("it became %+v (%v), want one pool of 1000", draft.Pools, err)
	}
}
