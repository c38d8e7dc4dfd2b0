// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"
)

// A reporter prints progress for the person who waits. It writes to standard
// error, so that what a command prints for scripts stays alone on standard
// output.
type reporter struct{ out io.Writer }

func (r reporter) step(format string, args ...any) {
	fmt.Fprintf(r.out, "• "+format+"\n", args...)
}

// seconds rounds a duration to what a person wants to read.
func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
