// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kube reads and writes objects for the controllers. It is the only package that
// calls the verbs of a client, so that each kind of write has one form: server-side apply
// that leaves alone what another owner has, deletion of one UID, annotations in one merge
// patch, and a status patch that fails if the object has changed since it was read.
package kube
