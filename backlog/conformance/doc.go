// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package conformance is what every driver must get right, tried with the real server
// of its backend and with jobs that a real application put there.
package conformance
