// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report tells what happens in the pod: the status document, metrics and
// health by HTTP, the counts in a file that outlives the container, and the last
// word in the container's termination message.
//
// Everything is made from the supervisor's state when it is asked for or written;
// nothing is counted here.
package report
