// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plugin is `kubectl queueworker`: one file a command, each with a
// constructor New...Command that NewRootCommand lists.
//
// A command reads its flags, asks the cluster with the caller's own rights, and
// prints. What it says of what it read is a pure function of a package below.
package plugin
