// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report publishes the state of the pod. It serves the status document, metrics
// and health over HTTP. It saves the counts in a file that outlives the container, and
// the final report in the container's termination message.
//
// Everything is derived from the supervisor's state when it is requested or written. The
// package counts nothing itself.
package report
