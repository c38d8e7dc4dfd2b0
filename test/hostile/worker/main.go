// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command worker is a fake worker program: it has nothing to do, and ends when it is
// told to. The agent's container of package hostile has no other program.
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
