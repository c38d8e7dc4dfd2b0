// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plugin implements `kubectl queueworker`. Each command has a file, and a
// constructor New...Command that NewRootCommand lists. What the commands share is in
// package cli and the packages below it; no command uses another.
//
// A command reads its flags, asks the cluster with the caller's own rights, and prints.
// Pure functions of the packages in console decide, package wording has the words, and
// package render draws.
package plugin
