// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package backlog says how deep an application's queues are.
//
// A Driver asks one kind of backend; there is one in each package below. The
// settings come from the environment of the application's own container (package
// settings), and the probe (package probe) serves what was measured by HTTP.
//
// Measuring changes nothing in the backend, and the work it asks of it is bounded,
// however many jobs wait.
package backlog
