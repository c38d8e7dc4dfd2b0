// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package conformance tests what every driver must get right, with the real server of its
// backend and with jobs that a real application dispatched.
package conformance
