// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plugin implements `kubectl queueworker`. Each command has a file, and a
// constructor New...Command that NewRootCommand lists.
//
// A command reads its flags, asks the cluster with the caller's own rights, and prints. A
// pure function in a package below decides what to say about the objects it read.
package plugin
