// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package command decides how far a QueueCommand is, from what is in the cluster: the
// Job that runs it and the Job's pod, or what the backlog probe answered.
//
// A command runs at most once, wherever the operator is killed. Its Job is made
// suspended; then the status names the Job by its UID; only then is the Job let go,
// with a mark on it in the same write. So a Job that may have run is known by its UID
// for good: when it is gone, or somebody has suspended it, the command has failed.
package command
