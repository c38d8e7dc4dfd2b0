// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockFile takes the file's lock and waits while another process holds it. The kernel
// releases the lock when this process ends, however it ends.
func lockFile(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock %s: %w", path, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("take the lock %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}

// lockCluster prevents two commands from changing the cluster at once.
func lockCluster() (unlock func(), err error) {
	return lockFile("/run/lock/queueworker-cluster.lock")
}
