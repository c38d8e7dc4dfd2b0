// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cli is what the commands of the plugin are built on: the cluster, the flags that
// several commands have, waiting, the screen, and errors with exit codes.
package cli
