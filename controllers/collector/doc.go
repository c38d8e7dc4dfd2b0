// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package collector asks the agents in worker pods how they do, keeps their last
// good answers and the counts of pods that ended, and wakes the reconciler of a
// pool when something about it is worth telling.
package collector
