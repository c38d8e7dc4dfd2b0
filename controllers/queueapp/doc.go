// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package queueapp is the controller of QueueApps: it keeps the backlog probe and the
// NetworkPolicy of each QueueApp, and reports what the workers found out about it.
package queueapp
