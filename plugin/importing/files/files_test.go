// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/plugin/importing/budget"
)

// TestGlobFindsWhatFilepathGlobFinds compares the two in a small tree.
func TestGlobFindsWhatFilepathGlobFinds(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, file := range []string{"a.conf", "b.conf", "conf.d/c.conf", "conf.d/d.ini", "sites/x/e.conf", "sites/y/f.conf"} {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{
		"*.conf", "a.conf", "missing.conf", "conf.d/*", "conf.d/*.conf", "*/*.conf", "sites/*/*.conf", "sites/?/[ef].conf",
		"a.conf/*", "missing/*", here + "/*.conf", here + "/sites/*/e.conf", "*/", "[", "*/[",
	} {
		t.Run(pattern, func(t *testing.T) {
			want, wantErr := filepath.Glob(pattern)
			got, err := Glob(pattern, budget.New())
			if diff := cmp.Diff(want, got); diff != "" || (err == nil) != (wantErr == nil) {
				t.Errorf("%v, want %v; unexpected files (-want +got):\n%s", err, wantErr, diff)
			}
		})
	}
}

// TestGlobPaysForNames compares many names, and uses a pattern that is longer than any
// path.
func TestGlobPaysForNames(t *testing.T) {
	directory := t.TempDir()
	for i := range 100 {
		if err := os.WriteFile(filepath.Join(directory, fmt.Sprint(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	left := budget.New()
	if found, err := Glob(directory+"/*", left); err != nil || len(found) != 100 {
		t.Fatalf("it finds %d files (%v), want 100", len(found), err)
	}
	if steps, _ := left.Spent(); steps < 100 {
		t.Errorf("it pays %d steps for 100 names", steps)
	}
	if err := left.Steps(budget.MaxSteps - 200); err != nil {
		t.Fatal(err)
	}
	var exceeded *budget.ExceededError
	if _, err := Glob(directory+"/*", left); !errors.As(err, &exceeded) {
		t.Errorf("it says %v, want that the budget is spent", err)
	}
	if _, err := Glob(strings.Repeat("/*", 500_000), budget.New()); err == nil || !strings.Contains(err.Error(), "4096 bytes") {
		t.Errorf("it says %v, want a maximum of 4096 bytes", err)
	}
}

// TestOnlyRegularFilesAreIncluded includes a pipe that has no writer.
func TestOnlyRegularFilesAreIncluded(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.conf")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		pipe: "no regular file", "/dev/zero": "no regular file", t.TempDir(): "is a directory", "missing": "no such file",
	} {
		if _, err := Included(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: it says %v, want %q in it", path, err, want)
		}
	}
}
