// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command scalesim replays traces of jobs through the function that decides a pool's
// size, in simulated time, beside the formulas that others publish, and prints one
// table of waits and worker-hours. docs/scaling.md tells how to replay one's own.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "scalesim:", err)
		os.Exit(1)
	}
}
