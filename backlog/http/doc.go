// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package http measures queues by asking an endpoint that the user provides, for SQS,
// RabbitMQ and any other backend. docs/backlog-http.md describes the request and the
// expected answer.
//
// The endpoint is not trusted. Its answer has a bounded size, number of values and time,
// and must be exactly as documented. The driver does not follow redirects.
package http
