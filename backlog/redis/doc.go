// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package redis measures Laravel's queues in Redis.
//
// A queue Q is a list queues:Q of ready jobs and two sorted sets, queues:Q:delayed
// (score: when due) and queues:Q:reserved (score: when given out again), each with the
// application's prefix. Only a worker moves due and abandoned jobs to the list, so
// without any worker the list stays empty. This package counts such jobs as ready.
//
// For each queue a small script runs in the server. All scripts are sent together, so a
// measurement is one round trip, with one more for every further 1,000 scripts and one
// more on a new connection. A script is necessary because scores cannot be read without
// their members, which are payloads of any size. Its reply has about a hundred bytes. The
// credentials of an application may run scripts, because Laravel takes jobs with a
// script.
//
// The server is not trusted. A backlog.Guard bounds the bytes, the elements and the time
// of a measurement, and what one reply may declare.
//
// On a Redis Cluster the keys are queues:{Q}, as Laravel names them there.
package redis
