// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCacheDirectoryFollowsTheEnvironment(t *testing.T) {
	for name, tc := range map[string]struct {
		environment map[string]string
		want        string
	}{
		"own variable first":        {map[string]string{cacheVariable: "/own", "XDG_CACHE_HOME": "/xdg", "HOME": "/home/a"}, "/own"},
		"then the desktop standard": {map[string]string{"XDG_CACHE_HOME": "/xdg", "HOME": "/home/a"}, "/xdg/queueworker"},
		"then the home directory":   {map[string]string{"HOME": "/home/a"}, "/home/a/.cache/queueworker"},
		"relative XDG is ignored":   {map[string]string{"XDG_CACHE_HOME": "xdg", "HOME": "/home/a"}, "/home/a/.cache/queueworker"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cacheDirectory(func(name string) string { return tc.environment[name] })
			if err != nil || got != tc.want {
				t.Errorf("cacheDirectory() = %s, %v; want %s", got, err, tc.want)
			}
		})
	}
	if got, err := cacheDirectory(func(string) string { return "" }); err == nil {
		t.Errorf("cacheDirectory() without any variable = %s; want an error", got)
	}
}

func TestNewLayoutRefusesStatesItMustNotRemove(t *testing.T) {
	for name, state := range map[string]string{
		"the root":             "/",
		"the root, hidden":     "/var/..",
		"a relative path":      "cluster",
		"too long for sockets": "/" + strings.Repeat("a", 70),
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(stateVariable, state)
			if l, err := newLayout(); err == nil {
				t.Errorf("newLayout() = %+v; want an error for the state %s", l, state)
			}
		})
	}
}

func TestRealPathResolvesLinksOfPathsThatDoNotExistYet(t *testing.T) {
	folder := realPath(t.TempDir())
	if err := os.Symlink(folder, filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	if got, want := realPath(filepath.Join(folder, "link", "new", "state")), filepath.Join(folder, "new", "state"); got != want {
		t.Errorf("realPath() = %s; want %s", got, want)
	}
}
