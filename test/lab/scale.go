// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import "os"

// Long tells whether tests run at full length, as make test-long asks for.
func Long() bool { return os.Getenv("QUEUEWORKER_LONG") == "1" }

// Either is one of two sizes: the full one if Long, else the short one.
func Either[T any](full, short T) T {
	if Long() {
		return full
	}
	return short
}
