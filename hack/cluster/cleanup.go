// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Folders outside the state directory in which the cluster's programs write.
const (
	cniResults    = "/var/lib/cni/results"            // libcni's cache of its results
	shimSockets   = "/run/containerd/s"               // containerd's, whatever its state directory
	containerLogs = "/var/log/containers"             // the kubelet's links to pod logs
	devicePlugins = "/var/lib/kubelet/device-plugins" // the kubelet's, whatever its root
)

// clean removes every trace of a cluster, however its run ended: first processes, then
// everything they held.
func clean(l layout) error {
	var failures []error
	for _, c := range components(l, "") {
		if id, err := recorded(l, c.name); err == nil {
			failures = append(failures, terminate(id, c.name, killPatience(c.name)))
		}
	}
	for _, id := range strays(l) {
		failures = append(failures, terminate(id, "a process left by an earlier run", 0))
	}
	failures = append(failures, killCgroups(), unmountBelow(l.state), removeRules(), bridgeDown(l))
	allowServiceStarts(servicePolicy)
	removeDeadSockets(shimSockets)
	removeDeadSockets(devicePlugins)
	removeLinksInto(containerLogs, l.state)
	results, _ := filepath.Glob(filepath.Join(cniResults, networkName+"-*"))
	for _, result := range results {
		failures = append(failures, os.Remove(result))
	}
	for _, folder := range []string{cniResults, shimSockets, containerLogs, devicePlugins} {
		os.Remove(folder) // Remove deletes only an empty folder, which no other program uses
		os.Remove(filepath.Dir(folder))
	}
	if err := errors.Join(failures...); err != nil {
		return fmt.Errorf("clean up: %w", err) // keep the state directory for another attempt
	}
	if err := removeState(l.state); err != nil {
		return err
	}
	if err := os.Remove(ownerFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// killPatience returns how long a component may take to end: 0 if it has no state worth it.
func killPatience(component string) time.Duration {
	if component == "containerd" {
		return 5 * time.Second
	}
	return 0
}

// removeState deletes the directory. A mount that was detached while busy can hold a
// folder for a moment.
func removeState(directory string) error {
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := os.RemoveAll(directory)
		if err == nil || !errors.Is(err, syscall.EBUSY) || time.Now().After(deadline) {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// removeDeadSockets removes sockets on which no process listens any more.
func removeDeadSockets(folder string) {
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		connection, err := net.Dial("unix", path)
		if err == nil {
			connection.Close()
			continue
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			os.Remove(path)
		}
	}
}

// removeLinksInto removes the symbolic links of a folder that point below a directory.
func removeLinksInto(folder, directory string) {
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		path := filepath.Join(folder, entry.Name())
		if target, err := os.Readlink(path); err == nil && strings.HasPrefix(target, directory+"/") {
			os.Remove(path)
		}
	}
}
