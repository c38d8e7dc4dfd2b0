// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestOnlyDeadSocketsAreRemoved(t *testing.T) {
	folder := t.TempDir()
	listen := func(name string) *net.UnixListener {
		listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(folder, name)})
		if err != nil {
			t.Fatal(err)
		}
		listener.SetUnlinkOnClose(false)
		t.Cleanup(func() { listener.Close() })
		return listener
	}
	listen("alive")
	listen("dead").Close()
	removeDeadSockets(folder)
	if exists(filepath.Join(folder, "dead")) || !exists(filepath.Join(folder, "alive")) {
		t.Errorf("dead socket there: %v, living socket there: %v; want only the living", exists(filepath.Join(folder, "dead")), exists(filepath.Join(folder, "alive")))
	}
}

func TestOnlyLinksIntoTheStateAreRemoved(t *testing.T) {
	folder := t.TempDir()
	err := errors.Join(
		os.Symlink("/state/log/pods/a/0.log", filepath.Join(folder, "ours")),
		os.Symlink("/state2/log/pods/a/0.log", filepath.Join(folder, "neighbour")),
		os.WriteFile(filepath.Join(folder, "file"), nil, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	removeLinksInto(folder, "/state")
	for name, want := range map[string]bool{"ours": false, "neighbour": true, "file": true} {
		if got := exists(filepath.Join(folder, name)); got != want {
			t.Errorf("%s is there: %v; want %v", name, got, want)
		}
	}
}
