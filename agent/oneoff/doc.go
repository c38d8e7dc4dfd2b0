// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package oneoff runs a command once, as PID 1 of a pod of its own, and keeps the end
// of what it prints for the container's termination message: so the operator learns
// it without a right to read logs.
package oneoff
