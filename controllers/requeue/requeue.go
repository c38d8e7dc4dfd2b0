// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package requeue computes when an object is reconciled again without an event.
package requeue

import "time"

// Sooner returns the shortest of the waits that are not zero; zero, which means when
// something happens, if all are zero.
func Sooner(waits ...time.Duration) time.Duration {
	var shortest time.Duration
	for _, wait := range waits {
		if wait > 0 && (shortest == 0 || wait < shortest) {
			shortest = wait
		}
	}
	return shortest
}
