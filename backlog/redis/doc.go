// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package redis measures Laravel's queues in Redis.
//
// A queue Q is a list queues:Q of ready jobs and two sorted sets, queues:Q:delayed
// (score: when due) and queues:Q:reserved (score: when given out again), each behind
// the application's prefix. Only a worker moves due and abandoned jobs to the list, so
// with no worker at all the list stays empty; they are counted as ready here.
//
// For each queue a small script runs in the server, all of them sent in one go, so
// that a measurement is one round trip (two above 1,000 keys, one more on a new
// connection). A script, because scores cannot be read without their members, which
// are payloads of any size: it answers with a hundred bytes. An application's own
// credentials have the right to run scripts, because Laravel takes jobs with one.
//
// On a Redis Cluster the keys are queues:{Q}, as Laravel names them there.
package redis
