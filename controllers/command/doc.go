// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package command decides how far a QueueCommand is, from the state of the cluster: the
// Job that runs it and the Job's pod, or the answer of the backlog probe.
//
// A command runs at most once, wherever the operator is killed. Its Job is created
// suspended. Then the status names the Job by its UID. Only then is the Job resumed,
// and marked in the same write. So a Job that may have run is known by its UID for
// good. If it is gone, or another client has suspended it, the command has failed.
package command
