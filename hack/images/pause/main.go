// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command pause holds a pod's namespaces open until it receives SIGINT or SIGTERM.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGINT, syscall.SIGTERM)
	signal.Ignore(syscall.SIGCHLD) // the kernel reaps orphans of a shared PID namespace
	<-ended
}
