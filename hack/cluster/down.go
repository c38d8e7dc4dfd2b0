// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// down stops the cluster and removes everything it created. An error in one step does not
// prevent the other steps.
func down(l layout, say reporter) error {
	if err := checkMachine(); err != nil {
		return err
	}
	unlock, err := lockCluster()
	if err != nil {
		return err
	}
	defer unlock()
	if err := checkOwner(l); err != nil {
		return err
	}
	if !hasLeftovers(l) {
		say.step("there is no cluster to stop")
		return nil
	}
	say.step("stopping the cluster's pods")
	stopPods(l, say)
	say.step("stopping the cluster's components")
	// The apiserver goes before etcd, because it does not end once its etcd is gone.
	err = errors.Join(
		stop(l, "kubelet", 5*time.Second), stop(l, "kube-proxy", 5*time.Second),
		stop(l, "coredns", 5*time.Second), stop(l, "kube-apiserver", 10*time.Second),
		stop(l, "etcd", 5*time.Second))
	say.step("removing mounts, network and state")
	if err := errors.Join(err, clean(l)); err != nil {
		return err
	}
	say.step("the cluster is gone")
	return nil
}

// stopPods deletes every pod while the kubelet still runs, so that processes, mounts and
// network ends are removed properly. Controllers go first, because they would create new
// pods. Whatever remains is removed by force later.
func stopPods(l layout, say reporter) {
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		if err := stop(l, name, 5*time.Second); err != nil {
			say.step("going on: %v", err)
		}
	}
	bin, err := os.ReadFile(l.stamp())
	if err != nil || !running(l, "kubelet") || !running(l, "kube-apiserver") || !running(l, "containerd") {
		return
	}
	output, err := kubectl(l, strings.TrimSpace(string(bin)), "delete", "pods", "--all", "--all-namespaces",
		"--grace-period=1", "--timeout=30s").CombinedOutput()
	if err != nil {
		say.step("going on without waiting for every pod: %s", strings.TrimSpace(string(output)))
	}
}

// hasLeftovers reports whether the machine has any trace of a cluster.
func hasLeftovers(l layout) bool {
	if _, err := os.Stat(l.state); err == nil || bridgeExists() {
		return true
	}
	roots, _ := cgroupRoots()
	for _, root := range roots {
		if _, err := os.Stat(root); err == nil {
			return true
		}
	}
	links, _ := filepath.Glob(filepath.Join(cniResults, networkName+"-*"))
	return len(links) > 0 || len(strays(l)) > 0
}
