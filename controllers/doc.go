// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllers is the operator's loop. One reconcile of a QueueWorker is:
//
//	observe   every read of the cluster, and what the agents report
//	decide    what there should be, a pure function of what was observed
//	apply     every write of a child: server-side apply, prune, control documents
//	report    the one write of the status, then events for what changed
//
// A second pass over an unchanged world writes nothing, and a pass may be cut off
// between any two writes: the next one starts from what is there.
package controllers
