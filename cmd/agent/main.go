// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command agent runs as PID 1 of the worker containers; see package agent.
package main

import (
	"os"

	"queueworker.dev/queueworker/agent"
)

// version is set by the linker.
var version = "dev"

func main() {
	os.Exit(agent.Main(os.Args[1:], version))
}
