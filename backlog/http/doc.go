// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package http measures queues by asking an endpoint of the user's own: for SQS,
// RabbitMQ and any other backend. What is sent and what is expected is written in
// docs/backlog-http.md.
//
// The endpoint is not trusted: an answer has a bounded size and time, must be exactly
// what is documented, and redirects are not followed.
package http
