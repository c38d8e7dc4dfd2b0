// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import "os"

// Long reports whether tests run at full length, as with make test-long.
func Long() bool { return os.Getenv("QUEUEWORKER_LONG") == "1" }

// Either returns one of two sizes: full if Long, otherwise short.
func Either[T any](full, short T) T {
	if Long() {
		return full
	}
	return short
}
