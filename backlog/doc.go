// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package backlog measures how many jobs wait in an application's queues.
//
// A Driver measures the queues of an application. A package of backend reaches one kind of
// server and bounds what it may send; it knows no runtime. A package of layout knows where
// one runtime keeps its jobs in each backend. Package settings reads the settings from the
// environment of the application's own container. Package probe has a table of both, and
// serves the measurements by HTTP.
//
// A measurement changes nothing in the backend. Its load on the backend is bounded,
// however many jobs wait.
package backlog
