// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package keys measures Laravel's queues in Redis by their keys.
//
// A queue Q is a list queues:Q of ready jobs and two sorted sets, queues:Q:delayed
// (score: when due) and queues:Q:reserved (score: when given out again), each with the
// application's prefix. Only a worker moves due and abandoned jobs to the list, so
// without any worker the list stays empty. This package counts such jobs as ready.
//
// For each queue a small script runs in the server. Its reply has about a hundred bytes.
//
// On a Redis Cluster the keys are queues:{Q}, as Laravel names them there.
package keys
