// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package backends tests the backlog probe with real servers, which it starts on this
// machine, and with jobs from a real Laravel.
package backends
