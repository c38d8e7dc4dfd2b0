// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOwnerProtectsARunningClusterElsewhere(t *testing.T) {
	theirs, ours := testLayout(t), testLayout(t)
	file := filepath.Join(t.TempDir(), "owner")
	expect := func(l layout, when, wantState, wantError string) {
		t.Helper()
		state, err := otherState(l, file)
		if state != wantState || (err == nil) != (wantError == "") || err != nil && !strings.Contains(err.Error(), wantError) {
			t.Errorf("otherState() %s = %q, %v; want %q and an error with %q", when, state, err, wantState, wantError)
		}
	}
	expect(ours, "on a machine without a cluster", "", "")
	if err := setOwner(theirs, file); err != nil {
		t.Fatal(err)
	}
	expect(ours, "after another cluster was killed", theirs.state, "")
	etcd := component{name: "etcd", program: "sleep", arguments: []string{"300"}}
	if err := etcd.start(theirs); err != nil {
		t.Fatal(err)
	}
	id, err := recorded(theirs, "etcd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(id.pid, syscall.SIGKILL) })
	expect(ours, "beside a running cluster", "", theirs.state)
	expect(theirs, "of the running cluster itself", "", "")
	if err := os.RemoveAll(theirs.state); err != nil {
		t.Fatal(err)
	}
	expect(ours, "after the other cluster was removed", "", "")
}
