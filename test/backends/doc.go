// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package backends tries the backlog probe with real servers, which it starts on
// this machine, and with jobs that a real Laravel put there.
package backends
