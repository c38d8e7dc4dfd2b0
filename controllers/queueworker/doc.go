// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package queueworker is the controller of QueueWorkers. One reconcile is:
//
//	observe   every read of the cluster, and the reports of the agents
//	decide    the wanted state, a pure function of the observation
//	apply     every write of a child: server-side apply, prune, control documents
//	report    the one write of the status, then the events of its change
//
// A second pass over an unchanged world writes nothing. A pass may be cut off between
// any two writes, because the next pass starts from what it finds.
package queueworker
