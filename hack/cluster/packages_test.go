// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestMissingNamesEachPackageOnce(t *testing.T) {
	have := func(file string) bool { return file != "containerd" && file != "ctr" && file != "runc" }
	files, packages := missing(tools, have)
	if !slices.Equal(files, []string{"containerd", "ctr", "runc"}) || !slices.Equal(packages, []string{"containerd", "runc"}) {
		t.Errorf("missing() = %q, %q; want the three files and their two packages", files, packages)
	}
	if files, packages := missing(tools, func(string) bool { return true }); files != nil || packages != nil {
		t.Errorf("missing() on a complete machine = %q, %q; want nothing", files, packages)
	}
}

func TestServiceStartsAreForbiddenOnlyForTheMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy-rc.d")
	restore, err := forbidServiceStarts(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("the policy is %v, %v; want an executable file", info, err)
	}
	restore()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the policy stayed: %v", err)
	}
}

func TestAPolicyOfTheMachineStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy-rc.d")
	if err := os.WriteFile(path, []byte("theirs"), 0o755); err != nil {
		t.Fatal(err)
	}
	restore, err := forbidServiceStarts(path)
	if err != nil {
		t.Fatal(err)
	}
	restore()
	if content, err := os.ReadFile(path); err != nil || string(content) != "theirs" {
		t.Errorf("the machine's policy is now %q, %v", content, err)
	}
}

func TestAPolicyOfAKilledRunGoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy-rc.d")
	if _, err := forbidServiceStarts(path); err != nil {
		t.Fatal(err)
	}
	allowServiceStarts(path) // the next run does this first
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the policy of the killed run stayed: %v", err)
	}
}
