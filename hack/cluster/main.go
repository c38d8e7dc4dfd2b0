// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command cluster runs a real single-node Kubernetes on a bare Linux machine,
// for the demo and the end-to-end tests. No image is pulled and nothing is
// downloaded but Go modules and Debian packages: the control plane and the
// kubelet are one binary built from their own modules (folder kube), containerd,
// runc and the network plugins are Debian's.
//
// Everything lives in one state directory, one bridge, one control group and
// the KUBE chains of iptables; down removes all of it. up compares what runs
// with what it wrote down: if all is well it does nothing, else it first
// removes whatever an earlier run left, however that ended, and starts afresh.
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
