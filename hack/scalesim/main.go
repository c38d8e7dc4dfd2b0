// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command scalesim replays traces of jobs, in simulated time, through the function that
// decides a pool's size and through formulas of other projects. It prints one table of
// waits and worker-hours. docs/scaling.md explains how to replay a trace of your own.
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
