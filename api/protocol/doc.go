// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package protocol defines the JSON documents that the operator exchanges with the agents
// in worker pods and with backlog probes:
//
//   - Config, from operator to agent, in the environment variable ConfigEnv of
//     the worker container: what to run. A change replaces the pods.
//   - Control, from operator to agent, in files: pause, restart. A change takes
//     effect in the running pod.
//   - Status, from agent to operator, by HTTP GET of StatusPath: the state of the pod.
//   - Final, from agent to operator, in the container's termination message: the
//     last counts.
//   - Command, from operator to agent, in CommandEnv of the container of a
//     QueueCommand: what to run once.
//   - BacklogRequest and Backlog, between operator and backlog probe, by HTTP POST of
//     BacklogPath: how many jobs wait.
//   - FailedRequest and FailedList, between operator and backlog probe, by HTTP
//     POST of FailedPath: failed jobs.
//
// By TLS, on OperatorPort, each request names in PodUIDHeader the pod that it is for.
//
// Documents carry ages and remaining seconds, never instants, because the clocks of nodes
// differ. The only exception is FailedJob.FailedAt.
package protocol

import "time"

// Version is the version of all documents of this package. An operator accepts status
// documents of this version and of the two versions before it.
const Version = 1

// OldestVersion is the oldest version of a status document that the operator accepts.
const OldestVersion = 1

// Duration converts a number of seconds, as in the documents, to a time.Duration.
func Duration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
