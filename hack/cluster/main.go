// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command cluster runs a real single-node Kubernetes on a bare Linux machine, for the
// demo and the end-to-end tests. It pulls no image and downloads only Go modules and
// Debian packages. The control plane and the kubelet are one binary, built from their own
// modules (folder kube). containerd, runc and the network plugins come from Debian.
//
// Everything is in one state directory, one bridge, one control group and the KUBE chains
// of iptables; down removes all of it. up compares the running cluster with what it
// recorded. If all is well, it does nothing. Otherwise it first removes whatever an
// earlier run left, however that run ended, and starts afresh.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "cluster: "+err.Error())
		os.Exit(1)
	}
}
