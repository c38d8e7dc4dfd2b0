// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package queueworker is the controller of QueueWorkers. Data flows one way in a reconcile:
//
//	observe     every read of the cluster, into a plan.World
//	subscribe   what agents and probes have reported, into the same World
//	plan        the wanted state, a pure function of the World
//	apply       every write of a child: server-side apply, prune, control documents
//	report      the one write of the status, then the events of its change
//
// What the operator remembers about the pool is read into the World and replaced once, at
// the end. A second pass over an unchanged world writes nothing. A pass may be cut off
// between any two writes, because the next pass starts from what it finds.
package queueworker
