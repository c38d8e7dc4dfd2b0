// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command images builds the project's container images without a daemon and without a
// registry, as docker-archive files that a container runtime imports.
//
// An image of a Go program is one static binary on an empty file system. The demo image
// is a Debian root file system made by debootstrap, with the Laravel application of
// test/laravel as a separate layer above it. The root file system is cached under a hash
// of its package list. Layers are not compressed, because they stay on the same machine.
// The same files give the same digests.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "images: "+err.Error())
		os.Exit(1)
	}
}
