// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"
)

// A reporter prints progress for a waiting user. It writes to standard error, so that
// standard output holds only results for scripts.
type reporter struct{ out io.Writer }

func (r reporter) step(format string, args ...any) {
	fmt.Fprintf(r.out, "• "+format+"\n", args...)
}

// seconds rounds a duration for a reader.
func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
