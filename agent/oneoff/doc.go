// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package oneoff runs a command once, as PID 1 of its own pod. It keeps the end of the
// output for the container's termination message, so that the operator can read it
// without permission to read logs.
package oneoff
