// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
)

func TestApplicationBelongsToRootButForWhatLaravelWrites(t *testing.T) {
	entries, err := applicationEntries(os.DirFS(filepath.Join("..", "..", "test", "laravel")))
	if err != nil {
		t.Fatal(err)
	}
	owners := map[string]int{}
	for _, e := range entries {
		if parent := path.Dir(e.path); parent != "/" {
			if _, seen := owners[parent]; !seen {
				t.Errorf("%s comes before its folder", e.path)
			}
		}
		owners[e.path] = e.owner
	}
	for name, want := range map[string]int{
		"/srv": 0, "/srv/app": 0, "/srv/app/artisan": 0, "/srv/app/app/Jobs/Job.php": 0, "/srv/app/bootstrap/app.php": 0,
		"/srv/app/bootstrap/cache": 33, "/srv/app/storage/logs": 33, "/srv/app/storage/framework/cache/data": 33,
		"/srv/app/database": 33, "/srv/app/database/database.sqlite": 33,
	} {
		if got, found := owners[name]; !found || got != want {
			t.Errorf("%s belongs to %d (in the layer: %v); want %d", name, got, found, want)
		}
	}
}

func TestApplicationLeavesTracesOfLocalRunsBehind(t *testing.T) {
	sources := fstest.MapFS{
		"artisan":                      {Data: []byte("#!/usr/bin/env php")},
		"README.md":                    {Data: []byte("words")},
		"storage/logs/laravel.log":     {Data: []byte("secret")},
		"bootstrap/cache/services.php": {Data: []byte("stale")},
		"database/database.sqlite":     {Data: []byte("rows")},
	}
	entries, err := applicationEntries(sources)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if len(e.content) > 0 && e.path != "/srv/app/artisan" {
			t.Errorf("%s is in the layer with %q", e.path, e.content)
		}
	}
	i := slices.IndexFunc(entries, func(e entry) bool { return e.path == "/srv/app/artisan" })
	if i < 0 || entries[i].mode != fs.FileMode(0o755) {
		t.Errorf("artisan is not executable in %+v", entries)
	}
}
