// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command worker is a fake worker program: it does nothing and ends at SIGTERM. It is the
// only program in the agent's container of package hostile.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ends := make(chan os.Signal, 1)
	signal.Notify(ends, syscall.SIGTERM, os.Interrupt)
	fmt.Println("waiting")
	<-ends
}
