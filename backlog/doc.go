// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package backlog measures how many jobs wait in an application's queues.
//
// A Driver queries one kind of backend; each package below has one. Package settings
// reads the settings from the environment of the application's own container. Package
// probe serves the measurements by HTTP.
//
// A measurement changes nothing in the backend. Its load on the backend is bounded,
// however many jobs wait.
package backlog
