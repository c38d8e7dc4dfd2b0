// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package redis reaches a Redis server or cluster and runs scripts in it. It knows no key
// of any runtime; the packages of backlog/layout do.
//
// A script is necessary because scores cannot be read without their members, which are
// payloads of any size. All scripts of a measurement are sent together, so a measurement
// is one round trip, with one more for every further 1,000 scripts and one more on a new
// connection. The credentials of an application may run scripts, because the runtimes
// take jobs with a script.
//
// The server is not trusted. A backlog.Guard bounds the bytes, the elements and the time
// of a measurement, and what one reply may declare.
package redis
