// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package effective

// Problem is why an object cannot be used, or a promise that it cannot keep.
type Problem struct {
	// Reason is a reason of the API, such as v1alpha1.ReasonAppNotFound.
	Reason string
	// Message is a sentence: what is wrong, where, and what to do.
	Message string
}
