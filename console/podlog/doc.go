// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package podlog reads the logs of a pool's worker pods as one log. It merges existing
// lines by time, or follows all pods while pods come and go.
package podlog
