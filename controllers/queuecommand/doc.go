// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package queuecommand is the controller of QueueCommands. It runs each command once, as a
// Job or by asking a backlog probe, reports the result, and removes the command when its
// time is up.
package queuecommand
