// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command backlog measures how deep an application's queues are; see package probe.
package main

import (
	"os"

	"queueworker.dev/queueworker/backlog/probe"
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(probe.Main(os.Args[1:], version))
}
