// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package http measures queues by asking an endpoint that the user provides, for SQS,
// RabbitMQ and any other backend. docs/backlog-http.md describes the request and the
// expected answer.
//
// The endpoint is not trusted. The size, the number of values and the time of its answer
// are bounded, and the answer must have exactly the documented form. The driver does not
// follow redirects.
package http
