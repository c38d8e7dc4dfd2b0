// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cached holds the Go types that the operator's cache uses for its own kinds.
//
// A user who may create a QueueApp decides how large spec.template is, and the decoded
// template takes many times the bytes of its JSON: `{},` becomes a toleration of 72
// bytes. Most reads of a QueueApp do not look at the template. So the cache keeps the
// template as JSON, and the operator decodes it for the pool that runs it.
package cached
