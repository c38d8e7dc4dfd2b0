// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package podlog reads the logs of a pool's worker pods as one: those that are there
// merged by time, or all as they come while pods come and go.
package podlog
