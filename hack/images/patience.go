// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os/exec"
	"time"
)

// heartbeat is how often a long command reports that it is still running.
const heartbeat = 30 * time.Second

// runPatiently runs a command that can take minutes and reports every 30 s that it still
// runs. It shows the command's output only with an error: the last 2,000 bytes.
func (w workshop) runPatiently(what string, command *exec.Cmd) error {
	started := time.Now()
	ticker := time.NewTicker(heartbeat)
	done := make(chan struct{})
	defer close(done)
	defer ticker.Stop()
	go func() {
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				w.step("still %s: %s", what, time.Since(started).Round(time.Second))
			}
		}
	}()
	output, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", what, err, output[max(0, len(output)-2000):])
	}
	return nil
}
